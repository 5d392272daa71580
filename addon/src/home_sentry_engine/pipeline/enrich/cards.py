"""Which cards can answer a question, best first; the first that is allowed, there and working is asked."""

from typing import Final

FACES: Final = ("yunet", "ultraface-320")
POSES: Final = ("vitpose-plus-small", "movenet-lightning", "movenet-lightning-dequant")
SKELETON_ACTION: Final = ("stgcn-ntu60",)
CLIP_ACTION: Final = ("xclip-base",)
SENTENCES: Final = ("siglip2-base", "siglip2-base-int8", "clip-vit-l-14")
FASHION: Final = ("fashion-siglip", *SENTENCES)
CLOTHES: Final = ("segformer-b2-clothes",)
VIOLENCE: Final = ("violence-vit",)
PLATES: Final = ("yolov9-t-640-plates", "yolov9-t-384-plates", "lpd-yunet")
TEXT: Final = ("pp-ocr",)
PLATE_SLOTS: Final = ("fast-plate-ocr-xs",)
VEHICLE_TYPE: Final = ("vehicle-type-resnet50",)
DAMAGE: Final = ("vehicle-damage-yolo11x",)
PETS: Final = ("pet-resnet18",)
WEATHER: Final = ("weather-siglip2",)
DEPTH: Final = ("depth-anything-v2-small",)
NAMED: Final = ("owlv2-base", "grounding-dino-tiny")
QUALITY: Final = ("image-quality",)
CAPTIONS: Final = ("florence-2-large", "florence-2-base-ft")
