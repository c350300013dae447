"""What confluent-kafka (librdkafka) must be able to do: each scenario prints `ok NAME`, or `failed NAME: reason`, and the run goes on.
usage: scenarios.py BOOTSTRAP PREFIX"""
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

bootstrap, prefix = sys.argv[1:3]
# Of whatever is waited for; only what never comes takes this long.
WITHIN = 60
admin = AdminClient({"bootstrap.servers": bootstrap})
scenarios = []


def scenario(body):
    scenarios.append(body)
    return body


def done(futures):
    for future in futures.values():
        future.result(WITHIN)


def create(name, partitions=1, **config):
    topic = f"{prefix}-{name}"
    settings = {key.replace("_", "."): value for key, value in config.items()}
    done(admin.create_topics([NewTopic(topic, partitions, -1, config=settings)]))
    return topic


def produce(topic, records, **config):
    failures = []
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, **config})
    for record in records:
        producer.produce(topic, on_delivery=lambda error, _message: failures.append(error) if error else None, **record)
        producer.poll(0)
    left = producer.flush(WITHIN)
    assert left == 0, f"{left} records not delivered"
    assert not failures, f"{len(failures)} failed: {failures[0]}"


def consume(topic, count, partitions=1, offset=0, **config):
    settings = {"bootstrap.servers": bootstrap, "group.id": f"{prefix}-reader", "enable.auto.commit": False}
    consumer = Consumer({**settings, **config})
    consumer.assign([TopicPartition(topic, partition, offset) for partition in range(partitions)])
    return drain(consumer, count)


def drain(consumer, count):
    received = []
    deadline = time.time() + WITHIN
    while len(received) < count and time.time() < deadline:
        for message in consumer.consume(count, 1.0):
            if message.error():
                raise KafkaException(message.error())
            received.append(message)
    consumer.close()
    assert len(received) == count, f"{len(received)} of {count} records"
    return received


@scenario
def round_trip_with_keys_headers_and_tombstones():
    topic = create("roundtrip")
    records = [
        {"key": b"k", "value": b"v", "headers": [("h", b"1"), ("h", b"2"), ("none", None)], "timestamp": 1_700_000_000_123},
        {"key": b"k", "value": None},
        {"value": b"\x00\xff\n"},
    ]
    produce(topic, records)
    first, second, third = consume(topic, 3)
    assert first.headers() == [("h", b"1"), ("h", b"2"), ("none", None)], first.headers()
    assert first.timestamp() == (1, 1_700_000_000_123), first.timestamp()
    assert second.value() is None and second.key() == b"k"
    assert third.key() is None and third.value() == b"\x00\xff\n"


@scenario
def every_codec():
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        topic = create(f"codec-{codec}")
        values = [f"{codec} {index} {'payload ' * 40}".encode() for index in range(500)]
        produce(topic, [{"value": value} for value in values], **{"compression.type": codec})
        assert [message.value() for message in consume(topic, 500, **{"check.crcs": True})] == values, codec


@scenario
def acks_0_1_and_all():
    for acks in ["0", "1", "all"]:
        topic = create(f"acks-{acks}")
        produce(topic, [{"value": str(index).encode()} for index in range(100)], acks=acks)
        assert len(consume(topic, 100)) == 100


@scenario
def idempotent_producer_keeps_order_with_five_requests_in_flight():
    topic = create("idempotent")
    produce(
        topic,
        [{"value": str(index).encode()} for index in range(20_000)],
        **{"enable.idempotence": True, "batch.size": 4096, "linger.ms": 0},
    )
    assert [int(message.value()) for message in consume(topic, 20_000)] == list(range(20_000))


@scenario
def ten_mebibytes():
    topic = create("large", max_message_bytes=str(11 * 1024 * 1024))
    value = bytes(range(256)) * (10 * 4096)
    produce(topic, [{"value": value}], **{"message.max.bytes": 12 * 1024 * 1024})
    (message,) = consume(topic, 1)
    assert message.value() == value


@scenario
def too_large_is_refused_by_name():
    topic = create("small", max_message_bytes="1000")
    try:
        produce(topic, [{"value": b"x" * 5000}])
    except AssertionError as error:
        assert "MSG_SIZE_TOO_LARGE" in str(error), error
    else:
        raise AssertionError("a record above max.message.bytes was taken")


@scenario
def group_shares_partitions_and_resumes():
    topic = create("group", partitions=4)
    group = f"{prefix}-shared"
    config = {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest", "session.timeout.ms": 6000}
    produce(topic, [{"value": str(index).encode(), "partition": index % 4} for index in range(400)])
    seen, lock, stop, owners = [], threading.Lock(), threading.Event(), {}

    def member(name):
        consumer = Consumer({**config, "heartbeat.interval.ms": 500})
        consumer.subscribe([topic], on_assign=lambda _c, parts: owners.__setitem__(name, len(parts)))
        while not stop.is_set():
            message = consumer.poll(0.2)
            if message is not None and not message.error():
                with lock:
                    seen.append((message.partition(), message.offset()))
        consumer.close()

    threads = [threading.Thread(target=member, args=(name,)) for name in ["a", "b"]]
    for thread in threads:
        thread.start()
    deadline = time.time() + WITHIN
    while time.time() < deadline and not (len(set(seen)) == 400 and sorted(owners.values()) == [2, 2]):
        time.sleep(0.05)
    # Whoever is the last to stop may be given all of them.
    shares = sorted(owners.values())
    stop.set()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 400, len(set(seen))
    assert shares == [2, 2], shares
    produce(topic, [{"value": b"later", "partition": 2}])
    consumer = Consumer(config)
    consumer.subscribe([topic])
    assert [message.value() for message in drain(consumer, 1)] == [b"later"]


@scenario
def cooperative_group():
    topic = create("cooperative", partitions=3)
    produce(topic, [{"value": b"x", "partition": index % 3} for index in range(30)])
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{prefix}-cooperative",
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
        }
    )
    consumer.subscribe([topic])
    assert len(drain(consumer, 30)) == 30


@scenario
def offsets_by_time_and_watermarks():
    topic = create("times")
    produce(topic, [{"value": b"x", "timestamp": stamp} for stamp in (1000, 2000, 3000)])
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"{prefix}-times"})
    found = [consumer.offsets_for_times([TopicPartition(topic, 0, stamp)], WITHIN)[0].offset for stamp in (1, 1001, 3000)]
    assert found == [0, 1, 2], found
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), WITHIN) == (0, 3)
    consumer.close()


@scenario
def commit_metadata_comes_back():
    topic = create("metadata")
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"{prefix}-metadata", "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(topic, 0, 7, "a note")], asynchronous=False)
    (committed,) = consumer.committed([TopicPartition(topic, 0)], WITHIN)
    assert (committed.offset, committed.metadata) == (7, "a note"), committed
    consumer.close()


@scenario
def admin_topics_partitions_and_configs():
    topic = create("admin", partitions=2, retention_ms="60000")
    done(admin.create_partitions([NewPartitions(topic, 5)]))
    assert len(admin.list_topics(topic, WITHIN).topics[topic].partitions) == 5
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    entries = list(admin.describe_configs([resource]).values())[0].result(WITHIN)
    assert entries["retention.ms"].value == "60000" and entries["cleanup.policy"].value == "delete"
    done(admin.delete_topics([topic]))
    deadline = time.time() + WITHIN
    while topic in admin.list_topics(timeout=WITHIN).topics and time.time() < deadline:
        time.sleep(0.05)
    assert topic not in admin.list_topics(timeout=WITHIN).topics


@scenario
def reading_beyond_the_end_and_unknown_topics_are_named():
    topic = create("range")
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"{prefix}-range", "auto.offset.reset": "error"})
    consumer.assign([TopicPartition(topic, 0, 100)])
    deadline = time.time() + WITHIN
    code = None
    while code is None and time.time() < deadline:
        message = consumer.poll(0.5)
        code = message.error().code() if message is not None and message.error() else None
    assert code in (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET), code
    consumer.close()


for body in scenarios:
    name = body.__name__.replace("_", " ")
    try:
        body()
        print(f"ok {name}", flush=True)
    except Exception as error:  # every scenario must report
        print(f"failed {name}: {type(error).__name__} {error}".replace("\n", " "), flush=True)
