"""A Kafka broker in a process of its own: librdkafka's mock cluster. Prints its address, lives until killed."""

import signal

import confluent_kafka

host = confluent_kafka.Producer({"test.mock.num.brokers": 1, "log_level": 0})
brokers = host.list_topics(timeout=30).brokers.values()
print(",".join(f"{each.host}:{each.port}" for each in brokers), flush=True)
signal.pause()
