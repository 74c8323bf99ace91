"""A new topic is a file here, and a line in this table."""

from collections.abc import Mapping

from server.features.integrations.topics import alerts, badges, entries, halls
from server.features.integrations.topics.topic import Topic

TOPICS: Mapping[str, Topic] = {
    topic.name: topic for topic in (entries.TOPIC, badges.TOPIC, halls.TOPIC, alerts.TOPIC)
}
