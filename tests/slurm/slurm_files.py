"""The configuration files of a private Slurm cluster, as text."""

import os
import pwd
import time
from dataclasses import dataclass
from pathlib import Path

# A fake GPU is any character device: Slurm looks at it and sets CUDA_VISIBLE_DEVICES, nothing opens it.
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx")


@dataclass(frozen=True)
class Shape:
    """What a cluster looks like. `mem` is MB a node, `gpus` fake ones a node."""

    nodes: int = 4
    cpus: int = 4
    mem: int = 4000
    gpus: int = 2
    accounting: bool = True
    max_array_size: int = 1001

    def __post_init__(self) -> None:
        if self.gpus > len(DEVICES):
            raise ValueError(f"gpus is {self.gpus}; valid: 0 to {len(DEVICES)}")

    @property
    def names(self) -> list[str]:
        return [f"n{number}" for number in range(1, self.nodes + 1)]


@dataclass(frozen=True)
class Ports:
    """`count` neighbouring ports from `first` on: controller, slurmdbd, MariaDB, then one for each node."""

    first: int

    @staticmethod
    def count(shape: Shape) -> int:
        return 3 + shape.nodes

    @property
    def controller(self) -> int:
        return self.first

    @property
    def slurmdbd(self) -> int:
        return self.first + 1

    @property
    def database(self) -> int:
        return self.first + 2

    def node(self, index: int) -> int:
        return self.first + 3 + index


def slurm_conf(folder: Path, shape: Shape, ports: Ports, memory_groups: bool) -> str:
    user = _user()
    nodes = "\n".join(
        f"NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports.node(index)}"
        for index, name in enumerate(shape.names)
    )
    accounting = "AccountingStorageType=accounting_storage/none"
    if shape.accounting:
        accounting = f"""AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={ports.slurmdbd}
AccountingStoragePass={_socket(folder)}
AccountingStorageTRES=gres/gpu"""
    # Without groups, sampling finds a job that is over its memory, and ends it as FAILED instead of OUT_OF_MEMORY.
    memory = "TaskPlugin=task/cgroup" if memory_groups else "TaskPlugin=task/none\nJobAcctGatherParams=OverMemoryKill"
    # cred_expire bounds how long a requeued job waits (121 s otherwise; less than 5 is ignored).
    # FirstJobId: an id is used once on a machine, so no test can read what an older cluster's job left behind.
    # SchedulerParameters: look at the queue at once, not every few seconds.
    return f"""ClusterName=test
SlurmctldHost=localhost
SlurmctldPort={ports.controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={_socket(folder)},cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
SlurmctldDebug=info
SlurmdDebug=info
ProctrackType=proctrack/linuxproc
{memory}
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
FirstJobId={int(time.time()) % 60000 * 1000 + 1}
MaxArraySize={shape.max_array_size}
SlurmctldTimeout=10
SlurmdTimeout=10
KillWait=3
UnkillableStepTimeout=60
MinJobAge=300
InactiveLimit=0
JobRequeue=1
SchedulerType=sched/backfill
SchedulerTimeSlice=5
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,sched_interval=2,bf_interval=1,bf_resolution=1,\
bf_min_age_reserve=0,default_queue_depth=1000
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MailProg=/bin/true
{accounting}
NodeName=DEFAULT CPUs={shape.cpus} RealMemory={shape.mem} Gres=gpu:{shape.gpus} State=UNKNOWN
{nodes}
PartitionName=DEFAULT Nodes={",".join(shape.names)} MaxTime=1-0 DefaultTime=10 State=UP OverSubscribe=NO \
DefMemPerCPU={shape.mem // shape.cpus}
PartitionName=main Default=YES PriorityTier=10
PartitionName=low PriorityTier=1
PartitionName=high PriorityTier=100 PreemptMode=OFF
"""


def cgroup_conf(memory_groups: bool) -> str:
    return f"CgroupPlugin=cgroup/v1\nCgroupAutomount=no\nConstrainRAMSpace={'yes' if memory_groups else 'no'}\n"


def gres_conf(shape: Shape) -> str:
    if not shape.gpus:
        return ""
    return f"NodeName={','.join(shape.names)} Name=gpu File={','.join(DEVICES[: shape.gpus])}\n"


def slurmdbd_conf(folder: Path, ports: Ports) -> str:
    return f"""AuthType=auth/munge
AuthInfo=socket={_socket(folder)},cred_expire=5
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={ports.slurmdbd}
SlurmUser={_user()}
LogFile={folder}/log/slurmdbd.log
PidFile={folder}/run/slurmdbd.pid
DebugLevel=info
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports.database}
StorageUser=root
StoragePass=x
StorageLoc=slurm_acct_db
"""


def hosts(shape: Shape) -> str:
    """This machine's /etc/hosts and the names of the nodes: torch's rendezvous looks them up inside jobs."""
    nodes = "".join(f"127.0.0.1 {name}\n" for name in shape.names)
    return Path("/etc/hosts").read_text(encoding="utf-8") + "\n" + nodes


def database_init() -> str:
    """SQL that makes an empty folder a database good enough for slurmdbd, which needs `mysql.proc` to be there."""
    lines = Path("/usr/share/mysql/mysql_system_tables.sql").read_text(encoding="utf-8").splitlines()
    proc = next(line for line in lines if line.startswith("CREATE TABLE IF NOT EXISTS proc "))
    return f"create database if not exists mysql;\nuse mysql;\n{proc}\n"


def database_words(folder: Path, ports: Ports) -> list[str]:
    """Options of mariadbd: small, fast, and careless, for its data is thrown away."""
    return [
        "--no-defaults",
        f"--user={_user()}",
        f"--datadir={folder}/database",
        f"--socket={folder}/run/mariadb.sock",
        f"--port={ports.database}",
        "--bind-address=127.0.0.1",
        "--skip-grant-tables",
        "--skip-name-resolve",
        f"--pid-file={folder}/run/mariadb.pid",
        f"--init-file={folder}/etc/database.sql",
        "--innodb-log-file-size=8M",
        "--innodb-buffer-pool-size=64M",
        "--innodb-flush-method=nosync",
        "--innodb-doublewrite=0",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-autoextend-increment=1",
        "--innodb-data-file-path=ibdata1:2M:autoextend",
        "--innodb-temp-data-file-path=ibtmp1:2M:autoextend",
        "--innodb-lock-wait-timeout=900",
        "--sync-frm=0",
    ]


def _socket(folder: Path) -> Path:
    return folder / "munge" / "munge.sock"


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
