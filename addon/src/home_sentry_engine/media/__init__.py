"""Pictures and clips: one strict decode, frames of videos, thumbnails, and where files lie."""
