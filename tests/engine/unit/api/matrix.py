"""What each operation asks of its caller, written by hand: a new operation needs a line here.

The columns are the name, where it is called (``route`` of HTTP, ``command`` of the WebSocket, or ``both``), the lowest
role that may call, and what a key with camera limits gets: ``all`` that others get, ``own`` of it, ``404`` for a thing
of another camera, or ``403`` because the answer cannot be parted by cameras.
"""

from dataclasses import dataclass
from typing import Final

_OPERATIONS: Final = """
get_info                      both     viewer    all
get_status                    both     viewer    own
get_openapi                   route    viewer    all
get_whoami                    route    viewer    all
metrics                       route    viewer    403
list_cameras                  both     viewer    own
get_camera                    both     viewer    404
get_camera_latest             route    viewer    404
upload_frame                  route    operator  404
create_camera                 route    admin     403
change_camera                 route    admin     403
delete_camera                 route    admin     403
list_media                    route    viewer    own
get_media                     route    viewer    404
get_media_picture             route    viewer    404
get_media_thumbnail           route    viewer    404
list_rejections               both     viewer    own
list_detections               route    viewer    own
get_detection_picture         route    viewer    404
get_detection_thumbnail       route    viewer    404
list_events                   both     viewer    own
search_events                 both     viewer    own
get_event_stats               route    viewer    own
list_trash                    both     viewer    own
list_summaries                both     viewer    403
get_summary                   both     viewer    403
create_summary                route    operator  403
list_exports                  both     admin     403
create_export                 both     admin     403
get_export                    both     admin     403
download_export               route    admin     403
delete_export                 both     admin     403
list_properties               both     viewer    403
set_property                  both     admin     403
delete_property               both     admin     403
list_channels                 both     admin     403
get_channel                   route    admin     403
list_deliveries               both     viewer    own
get_notification_stats        both     admin     403
create_channel                both     admin     403
change_channel                both     admin     403
delete_channel                both     admin     403
test_channel                  both     admin     403
list_rules                    both     viewer    403
get_rule                      both     viewer    403
test_rule                     both     admin     403
create_rule                   both     admin     403
put_rule                      both     admin     403
change_rule                   both     admin     403
delete_rule                   both     admin     403
list_alerts                   both     viewer    own
get_alert_stats               both     viewer    403
get_alert                     both     viewer    404
acknowledge_alert             both     operator  404
deliver_alert                 both     operator  403
dismiss_alert                 both     operator  404
get_event                     both     viewer    404
list_event_detections         both     viewer    404
get_event_thumbnail           route    viewer    404
get_event_snapshot            route    viewer    404
get_event_clip_mp4            route    viewer    404
get_event_clip_gif            route    viewer    404
get_camera_timelapse          route    viewer    404
get_event_recognition         route    viewer    403
get_event_prompt              route    admin     403
review_event                  both     operator  404
review_events                 both     operator  403
give_feedback                 both     operator  404
delete_event                  both     admin     403
restore_event                 both     admin     403
reassess_event                both     admin     403
get_zones                     route    viewer    404
put_zones                     route    admin     403
get_baseline                  route    viewer    404
reset_baseline                route    admin     403
get_masks                     route    viewer    404
put_masks                     route    admin     403
list_scene_changes            route    viewer    own
list_scene_changes_of_camera  route    viewer    404
acknowledge_scene_change      route    operator  404
acknowledge_scene             both     operator  404
update_scene                  both     operator  404
reset_scene                   both     admin     403
reset_scenes                  route    admin     403
get_home                      route    viewer    403
put_home                      route    admin     403
get_baseline_limits           route    viewer    all
patch_baseline_limits         route    admin     403
get_learning                  both     viewer    404
finish_learning               both     admin     403
list_entities                 route    viewer    403
get_entity                    route    viewer    403
list_appearances              route    viewer    403
change_entity                 route    admin     403
erase_entity                  route    admin     403
erase_entities                route    admin     403
get_household                 both     viewer    403
add_member                    route    admin     403
change_member                 route    admin     403
erase_member                  route    admin     403
add_vehicle                   route    admin     403
change_vehicle                route    admin     403
erase_vehicle                 route    admin     403
list_samples                  both     admin     403
enrol                         both     admin     403
erase_samples                 both     admin     403
erase_sample                  route    admin     403
erase_faces                   both     admin     403
list_plates                   route    viewer    403
erase_plates                  route    admin     403
add_fact                      route    admin     403
put_fact                      both     admin     403
remove_fact                   both     admin     403
analyze                       route    operator  404
detect                        route    operator  all
detect_batch                  route    operator  all
vehicle_classify              route    operator  all
pet_classify                  route    operator  all
clothing_classify             route    operator  all
pose_analyze                  route    operator  all
depth_estimate                route    operator  all
object_distance               route    operator  all
action_classify               route    operator  all
enrich                        route    operator  all
get_served_models             route    viewer    all
preload_served_model          route    admin     403
list_models                   route    viewer    all
get_models_status             route    viewer    all
get_model_latency             route    viewer    all
get_model                     route    viewer    all
remove_model                  route    admin     403
fetch_model                   route    admin     403
enable_model                  route    admin     403
disable_model                 route    admin     403
verify_model                  route    admin     403
load_model                    route    admin     403
unload_model                  route    admin     403
list_queues                   route    viewer    403
list_dead_letters             both     admin     403
drop_all_dead_letters         route    admin     403
requeue_all_dead_letters      route    admin     403
requeue_dead_letter           route    admin     403
drop_dead_letter              route    admin     403
list_components               both     viewer    403
get_component                 route    viewer    403
list_component_history        route    viewer    403
restart_component             both     admin     403
start_component               both     admin     403
stop_component                both     admin     403
enable_component              both     admin     403
disable_component             both     admin     403
list_audit                    route    admin     403
back_up                       route    admin     403
clean_up                      route    admin     403
get_gpu                       route    viewer    all
get_gpu_history               route    viewer    403
get_performance               route    viewer    403
get_latency_history           route    viewer    403
rotate_token                  route    admin     403
list_keys                     both     admin     403
create_key                    both     admin     403
change_key                    both     admin     403
revoke_key                    both     admin     403
list_prompts                  both     viewer    403
get_prompt                    both     viewer    403
get_prompt_history            both     viewer    403
get_shadow_run                both     viewer    403
list_evaluations              both     viewer    403
get_evaluation                both     viewer    403
get_evaluation_stats          both     viewer    403
get_leaderboard               both     viewer    403
get_calibration               both     viewer    403
put_prompt                    route    admin     403
delete_prompt                 route    admin     403
restore_prompt                both     admin     403
export_prompts                both     admin     403
preview_prompt_import         both     admin     403
import_prompts                both     admin     403
diff_prompt                   both     admin     403
test_prompt                   both     admin     403
start_shadow_run              both     admin     403
audit_events                  both     admin     403
ping                          command  viewer    all
report_home                   command  admin     403
requeue_dead_letters          command  admin     403
drop_dead_letters             command  admin     403
save_member                   command  admin     403
save_vehicle                  command  admin     403
erase_owner                   command  admin     403
list_zones                    command  viewer    404
set_zone                      command  admin     403
remove_zone                   command  admin     403
list_masks                    command  viewer    404
set_masks                     command  admin     403
set_prompt                    command  admin     403
reset_prompt                  command  admin     403
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    least: str
    limited: str


def _rows(where: str) -> dict[str, Row]:
    lines = [line.split() for line in _OPERATIONS.strip().splitlines()]
    assert len({name for name, *_ in lines}) == len(lines)
    assert {place for _, place, *_ in lines} == {"both", "route", "command"}
    return {name: Row(least, limited) for name, place, least, limited in lines if place in {where, "both"}}


ROUTES: Final = _rows("route")
COMMANDS: Final = _rows("command")
