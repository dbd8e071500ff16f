"""The UCR archive of 2018: 128 univariate time-series classification datasets (`ucr/GunPoint`)."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data import ts_archive
from dynconv.data.base import Spec
from dynconv.data.series_files import Series, complete, in_order, read_series, z_normalise

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

_MEMBERS = """
    ACSF1 Adiac AllGestureWiimoteX AllGestureWiimoteY AllGestureWiimoteZ ArrowHead BME Beef BeetleFly BirdChicken CBF
    Car Chinatown ChlorineConcentration CinCECGTorso Coffee Computers CricketX CricketY CricketZ Crop
    DiatomSizeReduction DistalPhalanxOutlineAgeGroup DistalPhalanxOutlineCorrect DistalPhalanxTW DodgerLoopDay
    DodgerLoopGame DodgerLoopWeekend ECG200 ECG5000 ECGFiveDays EOGHorizontalSignal EOGVerticalSignal Earthquakes
    ElectricDevices EthanolLevel FaceAll FaceFour FacesUCR FiftyWords Fish FordA FordB FreezerRegularTrain
    FreezerSmallTrain Fungi GestureMidAirD1 GestureMidAirD2 GestureMidAirD3 GesturePebbleZ1 GesturePebbleZ2 GunPoint
    GunPointAgeSpan GunPointMaleVersusFemale GunPointOldVersusYoung Ham HandOutlines Haptics Herring HouseTwenty
    InlineSkate InsectEPGRegularTrain InsectEPGSmallTrain InsectWingbeatSound ItalyPowerDemand LargeKitchenAppliances
    Lightning2 Lightning7 Mallat Meat MedicalImages MelbournePedestrian MiddlePhalanxOutlineAgeGroup
    MiddlePhalanxOutlineCorrect MiddlePhalanxTW MixedShapesRegularTrain MixedShapesSmallTrain MoteStrain
    NonInvasiveFetalECGThorax1 NonInvasiveFetalECGThorax2 OSULeaf OliveOil PLAID PhalangesOutlinesCorrect Phoneme
    PickupGestureWiimoteZ PigAirwayPressure PigArtPressure PigCVP Plane PowerCons ProximalPhalanxOutlineAgeGroup
    ProximalPhalanxOutlineCorrect ProximalPhalanxTW RefrigerationDevices Rock ScreenType SemgHandGenderCh2
    SemgHandMovementCh2 SemgHandSubjectCh2 ShakeGestureWiimoteZ ShapeletSim ShapesAll SmallKitchenAppliances
    SmoothSubspace SonyAIBORobotSurface1 SonyAIBORobotSurface2 StarLightCurves Strawberry SwedishLeaf Symbols
    SyntheticControl ToeSegmentation1 ToeSegmentation2 Trace TwoLeadECG TwoPatterns UMD UWaveGestureLibraryAll
    UWaveGestureLibraryX UWaveGestureLibraryY UWaveGestureLibraryZ Wafer Wine WordSynonyms Worms WormsTwoClass Yoga
"""

SPEC = Spec(
    task="timeseries",
    title="UCR time series classification archive (2018)",
    source="https://www.timeseriesclassification.com",
    licence="free for research; see the archive's page of each dataset",
    citation="Dau et al. (2019), The UCR time series archive, IEEE/CAA J. Autom. Sinica 6(6):1293-1305",
    split_rule="the archive's own training and test files",
    members=tuple(_MEMBERS.split()),
)


_UNEQUAL = (
    *("AllGestureWiimoteX", "AllGestureWiimoteY", "AllGestureWiimoteZ", "GestureMidAirD1", "GestureMidAirD2"),
    *("GestureMidAirD3", "GesturePebbleZ1", "GesturePebbleZ2", "PLAID", "PickupGestureWiimoteZ"),
    "ShakeGestureWiimoteZ",
)


def download(raw: Path, member: str) -> None:
    """The member's zip of timeseriesclassification.com, or its files of Zenodo, unless one of the layouts is there."""
    ts_archive.download(raw, member)


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Series, float32 [1, L], L the length of the longest training series."""
    with ts_archive.published(raw, member) as (tree, train_path, test_path):
        padded = member in _UNEQUAL
        train, test = (read_series(tree, path, padded=padded) for path in (train_path, test_path))
        writer.read_from(tree.origin)
    classes = in_order({*train.labels, *test.labels})
    length = max(series.shape[-1] for series in train.values)
    writer.describe(
        classes,
        [
            "missing values: linear interpolation within the series, nearest value at its ends",
            f"unequal lengths: linear resampling to the longest training series ({length})",
            "each series to mean 0 and (population) standard deviation 1; a constant series to 0",
            "labels to 0..K-1 in sorted order",
        ],
    )
    for split, series in (("train", train), ("test", test)):
        writer.split(split, _examples(series, classes, length))


def toy(raw: Path, member: str) -> None:
    """The first 12 series of each GunPoint file under the member's name."""
    ts_archive.toy(raw, member, "GunPoint", 12)


def _examples(series: Series, classes: list[str], length: int) -> Iterator[tuple[np.ndarray, int]]:
    for one, label in zip(series.values, series.labels, strict=True):
        yield z_normalise(complete(one, length)), classes.index(label)
