"""Media files and detections."""

from typing import Final

from aiohttp import web

from home_sentry_engine.api.fields import MEDIA_ID, Field, Kind
from home_sentry_engine.api.limits import LimitClass
from home_sentry_engine.api.pictures import PictureShelf
from home_sentry_engine.api.ports import Catalogue, Pictures
from home_sentry_engine.api.routing import Answer, Call, Route
from home_sentry_engine.contract import DetectionPage, Media, MediaPage, MediaState
from home_sentry_engine.contract.errors import NotFound, Unprocessable
from home_sentry_engine.storage.query import DetectionQuery, MediaQuery

from .replies import PAGE_FIELDS, json_reply, page_arguments

_DETECTION_ID: Final = Field(name="detection_id", kind=Kind.WHOLE, low=1, text="Id of a detection", required=True)
_ID: Final = r"^[a-z0-9_-]{1,64}$"
_MEDIA_FILTERS: Final = (Field(name="state", words=("queued", "detected", "failed"), text="Only files in this state"),)
_DETECTION_FILTERS: Final = (
    Field(name="label", longest=64, text="Only this class, such as person"),
    Field(name="min_confidence", kind=Kind.NUMBER, low=0, high=1, text="Only at least this sure"),
    Field(name="event", pattern=_ID, text="Only of this event"),
    Field(name="media", pattern=_ID, text="Only of this media file"),
)


class MediaRoutes:
    """Reads media, their pictures and what was found in them."""

    def __init__(self, catalogue: Catalogue, pictures: Pictures, shelf: PictureShelf) -> None:
        """Take the ports and the cache in front of the pictures."""
        self._catalogue = catalogue
        self._pictures = pictures
        self._shelf = shelf

    def routes(self) -> tuple[Route, ...]:
        """Declare the operations."""
        return (*self._media(), *self._found())

    def _media(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/api/v1/media",
                name="list_media",
                text="Media files, newest first",
                respond=self._list,
                answer=Answer(shape=MediaPage),
                query=(*PAGE_FIELDS, *_MEDIA_FILTERS),
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="GET",
                path="/api/v1/media/{media_id}",
                name="get_media",
                text="One media file",
                respond=self._get,
                answer=Answer(shape=Media),
                fields=(MEDIA_ID,),
                errors=(NotFound,),
            ),
            Route(
                method="GET",
                path="/api/v1/media/{media_id}/picture.jpg",
                name="get_media_picture",
                text="The picture of a media file, without metadata",
                respond=self._picture,
                answer=Answer(content_type="image/jpeg", text="The picture"),
                fields=(MEDIA_ID,),
                errors=(NotFound, Unprocessable),
                limit=LimitClass.MEDIA,
            ),
            Route(
                method="GET",
                path="/api/v1/media/{media_id}/thumbnail.jpg",
                name="get_media_thumbnail",
                text="The small picture of a media file, of a clip its frame at one second or a tenth of its length",
                respond=self._thumbnail,
                answer=Answer(content_type="image/jpeg", text="The thumbnail, 320 by 240 pixels, black at the sides"),
                fields=(MEDIA_ID,),
                errors=(NotFound, Unprocessable),
                limit=LimitClass.MEDIA,
            ),
        )

    def _found(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/api/v1/detections",
                name="list_detections",
                text="Detections, newest first",
                respond=self._detections,
                answer=Answer(shape=DetectionPage),
                query=(*PAGE_FIELDS, *_DETECTION_FILTERS),
                limit=LimitClass.SEARCH,
            ),
            Route(
                method="GET",
                path="/api/v1/detections/{detection_id}/picture.jpg",
                name="get_detection_picture",
                text="The frame of a detection, its box drawn",
                respond=self._detection_picture,
                answer=Answer(content_type="image/jpeg", text="The picture"),
                fields=(_DETECTION_ID,),
                errors=(NotFound, Unprocessable),
                limit=LimitClass.MEDIA,
            ),
            Route(
                method="GET",
                path="/api/v1/detections/{detection_id}/thumbnail.jpg",
                name="get_detection_thumbnail",
                text="The small picture of a detection's own frame, of a clip the moment that shows it, its box drawn",
                respond=self._detection_thumbnail,
                answer=Answer(content_type="image/jpeg", text="The thumbnail, 320 by 240 pixels, black at the sides"),
                fields=(_DETECTION_ID,),
                errors=(NotFound, Unprocessable),
                limit=LimitClass.MEDIA,
            ),
        )

    async def _list(self, call: Call) -> web.Response:
        state = call.query["state"]
        query = MediaQuery(**page_arguments(call.query), state=MediaState(state) if state else None)
        page = await self._catalogue.media_page(query)
        return json_reply(MediaPage(items=page.items, next_cursor=page.next_cursor, total=page.total))

    async def _get(self, call: Call) -> web.Response:
        media = await self._catalogue.media(call.path["media_id"])
        if media is None:
            raise NotFound("there is no such media file")
        return json_reply(media)

    async def _picture(self, call: Call) -> web.Response:
        media_id: str = call.path["media_id"]
        return await self._shelf.answer(call, f"media/{media_id}", lambda: self._pictures.of_media(media_id))

    async def _thumbnail(self, call: Call) -> web.Response:
        media_id: str = call.path["media_id"]
        key = f"media-thumbnail/{media_id}"
        return await self._shelf.answer(call, key, lambda: self._pictures.thumbnail_of_media(media_id))

    async def _detections(self, call: Call) -> web.Response:
        values = call.query
        query = DetectionQuery(
            **page_arguments(values),
            label=values["label"],
            min_confidence=values["min_confidence"],
            event_id=values["event"],
            media_id=values["media"],
        )
        page = await self._catalogue.detections_page(query)
        return json_reply(DetectionPage(items=page.items, next_cursor=page.next_cursor, total=page.total))

    async def _detection_picture(self, call: Call) -> web.Response:
        number: int = call.path["detection_id"]
        return await self._shelf.answer(call, f"detection/{number}", lambda: self._pictures.of_detection(number))

    async def _detection_thumbnail(self, call: Call) -> web.Response:
        number: int = call.path["detection_id"]
        key = f"detection-thumbnail/{number}"
        return await self._shelf.answer(call, key, lambda: self._pictures.thumbnail_of_detection(number))
