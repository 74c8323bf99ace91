"""A new topic of webhooks is a file beside this one, and a line here."""

from collections.abc import Mapping

from server.features.integrations.topics import alerts, badges, entries, halls
from server.features.integrations.topics.topic import Topic

TOPICS: Mapping[str, Topic] = {
    topic.name: topic for topic in (entries.TOPIC, badges.TOPIC, halls.TOPIC, alerts.TOPIC)
}
