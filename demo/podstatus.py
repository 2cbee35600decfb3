"""Building a pod's status: container states, conditions, phase. Pure; used by the kubelet and by the seed."""

import hashlib

from demo.objects import Obj, dig, set_condition, uid_of

CRASH_LOOP = "CrashLoopBackOff"
PULL_BACKOFF = "ImagePullBackOff"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def address_of(pod: Obj, node: Obj) -> str:
    """An address in the node's pod network, the same for the same pod."""
    network = dig(node, "spec", "podCIDR", default="10.244.9.0/24").rpartition(".")[0]
    return f"{network}.{2 + int(digest(uid_of(pod))[:4], 16) % 250}"


def waiting(container: Obj, reason: str, message: str = "") -> Obj:
    state = {"reason": reason, "message": message} if message else {"reason": reason}
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": 0,
        "state": {"waiting": state},
        "lastState": {},
    }


def running(pod: Obj, status: Obj, at: str) -> Obj:
    run = digest(f"{uid_of(pod)}/{status['name']}/{status['restartCount']}")
    image_id = status["image"].rpartition(":")[0] + "@sha256:" + digest(status["image"])
    state = {"running": {"startedAt": at}}
    return {**status, "state": state, "started": True, "imageID": image_id, "containerID": f"containerd://{run}"}


def terminated(status: Obj, at: str, exit_code: int) -> Obj:
    return {
        "exitCode": exit_code,
        "reason": "Error" if exit_code else "Completed",
        "startedAt": status["state"]["running"]["startedAt"],
        "finishedAt": at,
        "containerID": status["containerID"],
    }


def crash_looping(pod: Obj, status: Obj, pause: str) -> Obj:
    where = f"container={status['name']} pod={pod['metadata']['name']}_{pod['metadata']['namespace']}({uid_of(pod)})"
    message = f"back-off {pause} restarting failed {where}"
    return {
        **status,
        "ready": False,
        "started": False,
        "state": {"waiting": {"reason": CRASH_LOOP, "message": message}},
    }


def with_containers(pod: Obj, statuses: list[Obj], at: str, node: Obj | None = None) -> Obj:
    """The pod with these container statuses, and the phase and conditions that follow from them."""
    status = {**pod.get("status", {}), "containerStatuses": statuses, "qosClass": "Burstable"}
    begun = any(dig(item, "state", "running") or item["restartCount"] or item["lastState"] for item in statuses)
    status["phase"] = "Running" if begun or status.get("phase") == "Running" else "Pending"
    status.setdefault("startTime", at)
    if node is not None:
        inside = dig(node, "status", "addresses", default=[{"address": "127.0.0.1"}])[0]["address"]
        status |= {"hostIP": inside, "hostIPs": [{"ip": inside}]}
        status |= {"podIP": address_of(pod, node), "podIPs": [{"ip": address_of(pod, node)}]}
    status["conditions"] = [dict(item) for item in status.get("conditions", [])]
    unready = [item["name"] for item in statuses if not item["ready"]]
    set_condition(status, {"type": "Initialized", "status": "True"}, at)
    for kind in ("Ready", "ContainersReady"):
        wanted: Obj = {"type": kind, "status": "False" if unready else "True"}
        if unready:
            wanted["reason"] = "ContainersNotReady"
            wanted["message"] = f"containers with unready status: [{' '.join(unready)}]"
        set_condition(status, wanted, at)
    set_condition(status, {"type": "PodScheduled", "status": "True"}, at)
    return {**pod, "status": status}
