"""Why a webhook is not made, or not shown."""

from http import HTTPStatus

from app.problems import Problem


class WebhookUnknown(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "webhook.unknown"
    title = "You have no such webhook"


class WebhookTooMany(Problem):
    status = HTTPStatus.CONFLICT
    code = "webhook.too_many"
    title = "You have as many webhooks as one may have"


class WebhookUrlInvalid(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "webhook.url_invalid"
    title = "Nothing can be delivered to this URL"
