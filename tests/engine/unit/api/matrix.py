"""What each operation asks of its caller, written by hand: a new operation needs a line here.

The columns are the name, the lowest role that may call, and what a key with camera limits gets: ``all`` that others
get, ``own`` of it, ``404`` for a thing of another camera, or ``403`` because the answer cannot be parted by cameras.
"""

from dataclasses import dataclass
from typing import Final

ROUTES: Final = """
get_info                      viewer    all
get_status                    viewer    own
get_openapi                   viewer    all
get_whoami                    viewer    all
metrics                       viewer    403
list_cameras                  viewer    own
get_camera                    viewer    404
get_camera_latest             viewer    404
upload_frame                  operator  404
create_camera                 admin     403
change_camera                 admin     403
delete_camera                 admin     403
list_media                    viewer    own
get_media                     viewer    404
get_media_picture             viewer    404
get_media_thumbnail           viewer    404
list_rejections               viewer    own
list_detections               viewer    own
get_detection_picture         viewer    404
list_events                   viewer    own
search_events                 viewer    own
get_event_stats               viewer    own
list_trash                    viewer    own
list_summaries                viewer    403
get_summary                   viewer    403
create_summary                operator  403
list_exports                  admin     403
create_export                 admin     403
get_export                    admin     403
download_export               admin     403
delete_export                 admin     403
list_properties               viewer    403
set_property                  admin     403
delete_property               admin     403
list_channels                 admin     403
get_channel                   admin     403
list_deliveries               viewer    own
get_notification_stats        admin     403
create_channel                admin     403
change_channel                admin     403
delete_channel                admin     403
test_channel                  admin     403
list_rules                    viewer    403
get_rule                      viewer    403
test_rule                     admin     403
create_rule                   admin     403
put_rule                      admin     403
change_rule                   admin     403
delete_rule                   admin     403
list_alerts                   viewer    own
get_alert_stats               viewer    403
get_alert                     viewer    404
acknowledge_alert             operator  404
deliver_alert                 operator  403
dismiss_alert                 operator  404
get_event                     viewer    404
list_event_detections         viewer    404
get_event_thumbnail           viewer    404
get_event_snapshot            viewer    404
get_event_clip_mp4            viewer    404
get_event_clip_gif            viewer    404
get_camera_timelapse          viewer    404
get_event_recognition         viewer    403
review_event                  operator  404
review_events                 operator  403
give_feedback                 operator  404
delete_event                  admin     403
restore_event                 admin     403
reassess_event                admin     403
get_zones                     viewer    404
put_zones                     admin     403
get_baseline                  viewer    404
reset_baseline                admin     403
get_masks                     viewer    404
put_masks                     admin     403
list_scene_changes            viewer    own
list_scene_changes_of_camera  viewer    404
acknowledge_scene_change      operator  404
acknowledge_scene             operator  404
reset_scene                   admin     403
reset_scenes                  admin     403
get_home                      viewer    403
put_home                      admin     403
get_baseline_limits           viewer    all
patch_baseline_limits         admin     403
get_learning                  viewer    404
finish_learning               admin     403
list_entities                 viewer    403
get_entity                    viewer    403
list_appearances              viewer    403
change_entity                 admin     403
erase_entity                  admin     403
erase_entities                admin     403
get_household                 viewer    403
add_member                    admin     403
change_member                 admin     403
erase_member                  admin     403
add_vehicle                   admin     403
change_vehicle                admin     403
erase_vehicle                 admin     403
list_samples                  admin     403
enrol                         admin     403
erase_samples                 admin     403
erase_sample                  admin     403
erase_faces                   admin     403
list_plates                   viewer    403
erase_plates                  admin     403
add_fact                      admin     403
put_fact                      admin     403
remove_fact                   admin     403
analyze                       operator  404
detect                        operator  all
detect_batch                  operator  all
vehicle_classify              operator  all
pet_classify                  operator  all
clothing_classify             operator  all
pose_analyze                  operator  all
depth_estimate                operator  all
object_distance               operator  all
action_classify               operator  all
enrich                        operator  all
get_served_models             viewer    all
preload_served_model          admin     403
list_models                   viewer    all
get_models_status             viewer    all
get_model_latency             viewer    all
get_model                     viewer    all
remove_model                  admin     403
fetch_model                   admin     403
enable_model                  admin     403
disable_model                 admin     403
verify_model                  admin     403
load_model                    admin     403
unload_model                  admin     403
list_queues                   viewer    403
list_dead_letters             admin     403
drop_all_dead_letters         admin     403
requeue_all_dead_letters      admin     403
requeue_dead_letter           admin     403
drop_dead_letter              admin     403
list_components               viewer    403
get_component                 viewer    403
list_component_history        viewer    403
restart_component             admin     403
start_component               admin     403
stop_component                admin     403
enable_component              admin     403
disable_component             admin     403
list_audit                    admin     403
back_up                       admin     403
clean_up                      admin     403
get_gpu                       viewer    all
get_gpu_history               viewer    403
get_performance               viewer    403
get_latency_history           viewer    403
rotate_token                  admin     403
list_keys                     admin     403
create_key                    admin     403
change_key                    admin     403
revoke_key                    admin     403
"""

COMMANDS: Final = """
list_channels                 admin     403
list_deliveries               viewer    own
get_notification_stats        admin     403
create_channel                admin     403
change_channel                admin     403
delete_channel                admin     403
test_channel                  admin     403
ping                          viewer    all
get_info                      viewer    all
get_status                    viewer    own
list_cameras                  viewer    own
get_camera                    viewer    404
get_event                     viewer    404
list_events                   viewer    own
search_events                 viewer    own
list_rejections               viewer    own
list_event_detections         viewer    404
review_event                  operator  404
acknowledge_scene             operator  404
reset_scene                   admin     403
finish_learning               admin     403
get_learning                  viewer    404
report_home                   admin     403
reassess_event                admin     403
review_events                 operator  403
give_feedback                 operator  404
delete_event                  admin     403
restore_event                 admin     403
list_trash                    viewer    own
list_summaries                viewer    403
get_summary                   viewer    403
list_exports                  admin     403
create_export                 admin     403
get_export                    admin     403
delete_export                 admin     403
list_properties               viewer    403
set_property                  admin     403
delete_property               admin     403
list_rules                    viewer    403
get_rule                      viewer    403
create_rule                   admin     403
put_rule                      admin     403
change_rule                   admin     403
delete_rule                   admin     403
test_rule                     admin     403
list_alerts                   viewer    own
get_alert_stats               viewer    403
get_alert                     viewer    404
acknowledge_alert             operator  404
deliver_alert                 operator  403
dismiss_alert                 operator  404
list_components               viewer    403
restart_component             admin     403
start_component               admin     403
stop_component                admin     403
enable_component              admin     403
disable_component             admin     403
requeue_dead_letters          admin     403
drop_dead_letters             admin     403
list_dead_letters             admin     403
get_household                 viewer    403
save_member                   admin     403
save_vehicle                  admin     403
erase_owner                   admin     403
enrol                         admin     403
list_samples                  admin     403
erase_samples                 admin     403
erase_faces                   admin     403
put_fact                      admin     403
remove_fact                   admin     403
list_zones                    viewer    404
set_zone                      admin     403
remove_zone                   admin     403
list_masks                    viewer    404
set_masks                     admin     403
list_keys                     admin     403
create_key                    admin     403
change_key                    admin     403
revoke_key                    admin     403
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    least: str
    limited: str


def table(text: str) -> dict[str, Row]:
    lines = [line.split() for line in text.strip().splitlines()]
    assert len({name for name, *_ in lines}) == len(lines)
    return {name: Row(least, limited) for name, least, limited in lines}
