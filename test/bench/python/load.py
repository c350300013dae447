"""Load through librdkafka for the benchmarks: one run, one JSON object on stdout.
usage: load.py produce BOOTSTRAP TOPIC --records N --size BYTES --batch BYTES [--linger MS] [--pid PID]
       load.py consume BOOTSTRAP TOPIC --records N [--pid PID]
       load.py latency BOOTSTRAP TOPIC --rate PER_SECOND --seconds S --size BYTES [--each] [--pid PID]
       load.py keyed BOOTSTRAP TOPIC --records N --size BYTES --keys N
       load.py fill BOOTSTRAP PREFIX --records N --size BYTES --topics N --partitions N
The brokers' CPU time and memory are read from /proc of each --pid while the load runs."""
import argparse
import json
import os
import struct
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

TICKS = os.sysconf("SC_CLK_TCK")
PARTITIONS = 6


class Watched:
    """CPU seconds and the peak resident memory of the brokers between start and stop."""

    def __init__(self, pids):
        self.pids = pids
        self.peak_kib = 0
        self.running = bool(pids)
        self.cpu_before = self.cpu_now()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def cpu_now(self):
        used = []
        for pid in self.pids:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            used.append((int(fields[11]) + int(fields[12])) / TICKS)
        return used

    def watch(self):
        while self.running:
            kib = 0
            for pid in self.pids:
                with open(f"/proc/{pid}/status") as status:
                    kib += next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
            self.peak_kib = max(self.peak_kib, kib)
            time.sleep(0.05)

    def stop(self):
        self.running = False
        self.thread.join()
        each = [round(now - before, 3) for now, before in zip(self.cpu_now(), self.cpu_before)]
        return {"cpuSeconds": round(sum(each), 3), "cpuSecondsEach": each, "peakRssMb": round(self.peak_kib / 1024, 1)}


def producer(options, **more):
    return Producer(
        {
            "bootstrap.servers": options.bootstrap,
            "acks": "all",
            "linger.ms": options.linger,
            "batch.size": options.batch,
            "queue.buffering.max.messages": 500_000,
            "queue.buffering.max.kbytes": 1_048_576,
            **more,
        }
    )


def produce(options):
    client = producer(options)
    value = os.urandom(options.size)
    failures = []

    def delivered(error, _message):
        if error:
            failures.append(str(error))

    watched = Watched(options.pid)
    began = time.perf_counter()
    for index in range(options.records):
        while True:
            try:
                client.produce(options.topic, value, partition=index % PARTITIONS, on_delivery=delivered)
                break
            except BufferError:
                client.poll(0.01)
        if index % 1000 == 0:
            client.poll(0)
    left = client.flush(120)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "bytes": options.records * options.size, "failed": len(failures) + left, **watched.stop()}


def consume(options):
    client = Consumer(
        {
            "bootstrap.servers": options.bootstrap,
            "group.id": "odradek-bench",
            "enable.auto.commit": False,
            "check.crcs": False,
            "fetch.max.bytes": 52_428_800,
            "queued.max.messages.kbytes": 262_144,
        }
    )
    client.assign([TopicPartition(options.topic, partition, 0) for partition in range(PARTITIONS)])
    # The clock starts with the first record: connecting and looking up offsets is not what is measured.
    first = client.consume(1, 30.0)
    watched = Watched(options.pid)
    began = time.perf_counter()
    records, size = len(first), sum(len(message.value()) for message in first)
    while records < options.records:
        messages = client.consume(min(10_000, options.records - records), 10.0)
        if not messages:
            break
        records += len(messages)
        size += sum(len(message.value()) for message in messages)
    seconds = time.perf_counter() - began
    client.close()
    return {"seconds": seconds, "bytes": size, "failed": options.records - records, **watched.stop()}


def latency(options):
    """Open loop: a record is due at its time whether or not the one before has left, so a stall counts for every record behind it."""
    client = Consumer(
        {
            "bootstrap.servers": options.bootstrap,
            "group.id": "odradek-bench-latency",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 500,
            "fetch.min.bytes": 1,
        }
    )
    places = [TopicPartition(options.topic, partition) for partition in range(PARTITIONS)]
    for place in places:
        place.offset = client.get_watermark_offsets(place, timeout=30)[1]
    client.assign(places)
    waits, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            for message in client.consume(1000, 0.002):
                if not message.error():
                    waits.append(time.time() - struct.unpack(">d", message.value()[:8])[0])

    reader = threading.Thread(target=read)
    reader.start()
    options.linger = 0
    sender = producer(options)
    time.sleep(1.0)
    watched = Watched(options.pid)
    began, sent, acks = time.time(), 0, []
    padding = b"x" * (options.size - 8)
    while (now := time.time()) - began < options.seconds:
        while sent < (now - began) * options.rate:
            due = began + sent / options.rate
            acked = lambda error, _message, due=due: None if error else acks.append((time.time() - due, due))
            sender.produce(options.topic, struct.pack(">d", due) + padding, partition=sent % PARTITIONS, on_delivery=acked)
            sent += 1
        sender.poll(0.0005)
    sender.flush(30)
    used = watched.stop()
    deadline = time.time() + 10
    while len(waits) < sent and time.time() < deadline:
        time.sleep(0.01)
    stop.set()
    reader.join()
    client.close()
    waits.sort()
    at = lambda share: round(waits[min(len(waits) - 1, int(share * len(waits)))] * 1000, 3)
    # When each record was due, in milliseconds of the wall clock, and how long after that it was acknowledged.
    told = {"acks": [[round(due * 1000), round(wait * 1000, 2)] for wait, due in acks]} if options.each else {}
    return {"p50Ms": at(0.5), "p99Ms": at(0.99), "p999Ms": at(0.999), "failed": sent - len(waits), **told, **used}


def keyed(options):
    """Values of a table whose keys are written again and again, in an order that repeats."""
    client = producer(options)
    failures = []
    began = time.perf_counter()
    value = os.urandom(options.size)
    key = 1
    for index in range(options.records):
        key = (key * 1_664_525 + 1_013_904_223) % 2**32
        while True:
            try:
                client.produce(options.topic, value, key=b"key-%d" % (key % options.keys), partition=0)
                break
            except BufferError:
                client.poll(0.01)
        if index % 1000 == 0:
            client.poll(0)
    left = client.flush(300)
    return {"seconds": time.perf_counter() - began, "records": options.records, "failed": left}


def fill(options):
    """A few records to every partition of many topics."""
    client = producer(options)
    failures = []
    began = time.perf_counter()
    value = b"x" * options.size
    for _ in range(options.records):
        for topic in range(options.topics):
            for partition in range(options.partitions):
                while True:
                    try:
                        name = f"{options.topic}-{topic}"
                        client.produce(name, value, partition=partition, on_delivery=lambda e, _m: failures.append(str(e)) if e else None)
                        break
                    except BufferError:
                        client.poll(0.01)
            client.poll(0)
    left = client.flush(300)
    seconds = time.perf_counter() - began
    count = options.records * options.topics * options.partitions
    return {"seconds": seconds, "records": count, "failed": len(failures) + left, "firstFailure": failures[:1]}


parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("mode", choices=["produce", "consume", "latency", "fill", "keyed"])
parser.add_argument("bootstrap")
parser.add_argument("topic")
for name, default in [("records", 1), ("size", 1024), ("batch", 16384), ("rate", 2000), ("topics", 1), ("partitions", 6), ("keys", 1)]:
    parser.add_argument(f"--{name}", type=int, default=default)
parser.add_argument("--linger", type=float, default=5)
parser.add_argument("--seconds", type=float, default=10)
parser.add_argument("--each", action="store_true")
parser.add_argument("--pid", type=int, action="append", default=[])
arguments = parser.parse_args()
print(json.dumps(globals()[arguments.mode](arguments)))
