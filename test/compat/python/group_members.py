"""Members of consumer groups on librdkafka, told what to do on standard input and telling on standard output what they do; the words are
those of test/support/members.ts. usage: group_members.py BOOTSTRAP"""
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

bootstrap = sys.argv[1]
telling = threading.Lock()


def say(*words):
    with telling:
        print(*words, flush=True)


def now_ms():
    return time.time_ns() // 1_000_000


class Member(threading.Thread):
    def __init__(self, name, group, subscription, *settings):
        super().__init__(daemon=True)
        self.member, self.group, self.subscription = name, group, subscription
        self.ended = threading.Event()
        self.settings = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "client.id": name,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "topic.metadata.refresh.interval.ms": 500,
            "fetch.wait.max.ms": 100,
            **dict(setting.split("=", 1) for setting in settings),
        }
        # Work that no commit covers yet, as [from, to, since]: one that was refused is tried again while the partition is kept.
        self.open = {}

    def run(self):
        try:
            consumer = Consumer(self.settings)
            consumer.subscribe([self.subscription], self.assigned, self.revoked, self.lost)
            while not self.ended.is_set():
                self.work(consumer)
            consumer.close()
            say("stopped", self.member)
        except Exception as fault:  # told to the test, which fails
            say("failed", self.member, str(fault).replace("\n", " "))

    def work(self, consumer):
        message = consumer.poll(0.1)  # one at a time: a batch may hold what a rebalance in its midst has revoked
        if message is not None and not message.error():
            place = (message.topic(), message.partition())
            span = self.open.setdefault(place, [message.offset(), 0, now_ms()])
            span[1] = message.offset() + 1
        elif message is not None and not message.error().retriable():
            raise KafkaException(message.error())
        for place, (start, end, since) in list(self.open.items()):
            say("taking", self.member, *place, start, end, since)
            outcome = self.commit(consumer, TopicPartition(*place, end))
            if place not in self.open:
                continue  # it was lost while its commit was under way
            say("span", self.member, *place, start, end, since, now_ms(), outcome)
            if outcome == "ok":
                del self.open[place]

    def commit(self, consumer, position):
        try:
            for done in consumer.commit(offsets=[position], asynchronous=False):
                if done.error:
                    return done.error.name()
        except KafkaException as refused:
            return refused.args[0].name()
        return "ok"

    def forget(self, partitions):
        for partition in partitions:
            self.open.pop((partition.topic, partition.partition), None)

    def assigned(self, _consumer, partitions):
        say("assigned", self.member, len(partitions))

    def revoked(self, _consumer, partitions):
        self.forget(partitions)
        say("revoked", self.member, len(partitions))

    def lost(self, _consumer, partitions):
        self.forget(partitions)
        say("lost", self.member, len(partitions))


members = {}
say("ready")
for line in sys.stdin:
    verb, name, *words = line.split()
    if verb == "start":
        members[name] = Member(name, *words)
        members[name].start()
    elif verb == "stop":
        members[name].ended.set()
for member in members.values():
    member.ended.set()
for member in members.values():
    member.join(30)
