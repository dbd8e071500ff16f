"""Runs a function in many processes that torch.distributed can join: forked from a server that has imported torch."""

import multiprocessing
import os
import socket
import traceback
from multiprocessing.connection import wait

os.environ["DS_ACCELERATOR"] = "cpu"  # these tests are of the CPU on any machine
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "dynconv.engine.run",
        "dynconv.engine.ddp",
        "dynconv.models.factory",
        "deepspeed",
        "deepspeed.runtime.zero.muon.muon_optimizer",  # imports torch's compiler: 6 s a process
    ]
)
SECONDS = 240  # no measure of speed: a deadlock ends


class Ranks:
    """`function(*args, **options)` running in `size` processes."""

    def __init__(self, size, function, *args, **options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.readers, self.processes = [], []
        for rank in range(size):
            env = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
            env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            env = {name: str(value) for name, value in env.items()} if size > 1 else {}
            reader, writer = _CONTEXT.Pipe(duplex=False)
            process = _CONTEXT.Process(target=_rank, args=(writer, env, function, args, options), daemon=True)
            process.start()
            writer.close()
            self.readers.append(reader)
            self.processes.append(process)

    def results(self):
        """What each returned, by rank; the first error is raised."""
        results, failed = {}, None
        while len(results) < len(self.readers) and not failed:
            ready = wait([reader for rank, reader in enumerate(self.readers) if rank not in results], SECONDS)
            failed = None if ready else f"no rank has answered for {SECONDS} s; done: {sorted(results)}"
            for reader in ready:
                try:
                    ok, value = reader.recv()
                except EOFError:
                    ok, value = False, "a rank ended without a word"
                results[self.readers.index(reader)] = value
                failed = failed if ok else value
        for process in self.processes:
            process.join(0 if failed else 20)
        self.kill()
        if failed:
            raise AssertionError(failed)
        return [results[rank] for rank in range(len(results))]

    def kill(self):
        """SIGKILL to all that still run."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.join()


def in_ranks(size, function, *args, **options):
    """What `function(*args, **options)` returned in each of `size` processes, by rank; the first error is raised."""
    return Ranks(size, function, *args, **options).results()


def _rank(writer, env, function, args, options):
    import torch

    os.environ.update(env)
    torch.set_num_threads(1)
    try:
        writer.send((True, function(*args, **options)))
    except BaseException:
        writer.send((False, traceback.format_exc()))
