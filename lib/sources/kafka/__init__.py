"""Topics of a Kafka cluster, read without a consumer group, a commit or any other trace."""

from lib.sources.kafka.cluster import KafkaTopics
from lib.sources.kafka.settings import KafkaSettings

__all__ = ["KafkaSettings", "KafkaTopics"]
