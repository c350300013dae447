"""Idempotent writes at a steady pace that are checked in the end: what was acknowledged must be there, once, at its offset, in its order.
usage: writes.py BOOTSTRAP TOPIC --rate PER_SECOND --partitions N --size BYTES [--socket-timeout MS --reconnect-wait-max MS]
Every option of the client is librdkafka's default, idempotence and what is named apart. Lines on stdout while it runs:
  ack PARTITION MILLISECONDS WAIT  a record was acknowledged, at this time of the wall clock, so long after it was due
  error PARTITION TEXT             a record was given up: what a client's application sees
It sends until stdin ends. Then it waits for what is under way, reads every partition from its start, and the last line is the verdict as JSON."""
import argparse
import json
import select
import struct
import sys
import time
from collections import Counter

from confluent_kafka import Consumer, Producer, TopicPartition

FLUSH_WITHIN_S = 120
READ_WITHIN_S = 120


class Writes:
    def __init__(self, options):
        self.options = options
        self.sent = [0] * options.partitions
        self.acked = [{} for _ in range(options.partitions)]
        self.failed = 0

    def run(self):
        options = self.options
        producer = Producer(
            {
                "bootstrap.servers": options.bootstrap,
                "enable.idempotence": True,
                "socket.timeout.ms": options.socket_timeout,
                "reconnect.backoff.max.ms": options.reconnect_wait_max,
            }
        )
        padding = b"x" * (options.size - 8)
        began, count, stdin = time.time(), 0, sys.stdin.fileno()
        while not select.select([stdin], [], [], 0)[0]:
            while count < (time.time() - began) * options.rate:
                partition = count % options.partitions
                number = self.sent[partition]
                self.sent[partition] += 1
                due = began + count / options.rate
                count += 1
                value = struct.pack(">q", number) + padding
                producer.produce(options.topic, value, partition=partition, on_delivery=self.told(partition, number, due))
                producer.poll(0)
            producer.poll(0.001)
        self.failed += producer.flush(FLUSH_WITHIN_S)

    def told(self, partition, number, due):
        def delivered(error, message):
            if error:
                self.failed += 1
                print(f"error {partition} {error}", flush=True)
                return
            self.acked[partition][number] = message.offset()
            now = time.time()
            print(f"ack {partition} {now * 1000:.2f} {(now - due) * 1000:.2f}", flush=True)

        return delivered

    def verdict(self):
        totals = Counter(acknowledged=0, lost=0, duplicated=0, disordered=0)
        for partition, acked in enumerate(self.acked):
            found = self.read(partition)
            numbers = [number for number, _ in found]
            places = {number: offset for number, offset in found}
            totals["acknowledged"] += len(acked)
            totals["lost"] += sum(1 for number, offset in acked.items() if places.get(number) != offset)
            totals["duplicated"] += len(numbers) - len(places)
            totals["disordered"] += sum(1 for left, right in zip(numbers, numbers[1:]) if right < left)
        return {**totals, "sent": sum(self.sent), "failed": self.failed}

    def read(self, partition):
        """Number and offset of every record, in the order of the log."""
        place = TopicPartition(self.options.topic, partition, 0)
        consumer = Consumer({"bootstrap.servers": self.options.bootstrap, "group.id": "writes", "enable.auto.commit": False})
        end = consumer.get_watermark_offsets(place, timeout=30)[1]
        consumer.assign([place])
        found, deadline = [], time.time() + READ_WITHIN_S
        while not found or found[-1][1] < end - 1:
            if end == 0:
                break
            if time.time() > deadline:
                raise SystemExit(f"partition {partition} could not be read to its end {end}")
            for message in consumer.consume(10_000, 1.0):
                if message.error():
                    continue
                found.append((struct.unpack(">q", message.value()[:8])[0], message.offset()))
        consumer.close()
        return found


parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("bootstrap")
parser.add_argument("topic")
for name, default in [("rate", 600), ("partitions", 6), ("size", 1024), ("socket-timeout", 60_000), ("reconnect-wait-max", 10_000)]:
    parser.add_argument(f"--{name}", type=int, default=default)
writes = Writes(parser.parse_args())
writes.run()
print(json.dumps(writes.verdict()))
