import pytest

from demo import paths, resources
from demo.paths import Target


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/v1/pods", Target(resource=resources.PODS)),
        ("/api/v1/namespaces", Target(resource=resources.NAMESPACES)),
        ("/api/v1/namespaces/shop", Target(resource=resources.NAMESPACES, name="shop")),
        ("/api/v1/namespaces/shop/status", Target(resource=resources.NAMESPACES, name="shop", subresource="status")),
        ("/api/v1/namespaces/shop/pods", Target(resource=resources.PODS, namespace="shop")),
        (
            "/api/v1/namespaces/shop/pods/web/log",
            Target(resource=resources.PODS, namespace="shop", name="web", subresource="log"),
        ),
        (
            "/apis/apps/v1/namespaces/shop/deployments/web/scale",
            Target(resource=resources.DEPLOYMENTS, namespace="shop", name="web", subresource="scale"),
        ),
    ],
)
def test_a_path_names_its_target(path, target):
    """Collections, objects and subresources, in and outside namespaces."""
    assert paths.parse(path) == target


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/api/v2/pods",
        "/api/v1/unicorns",
        "/api/v1/pods/web",
        "/api/v1/namespaces/shop/nodes",
        "/api/v1/namespaces/shop/unicorns",
        "/apis/apps/v1",
        "/apis/apps/v1beta1/deployments",
        "/api/v1/namespaces/shop/pods/web/log/more",
        "/api/v1/namespaces/shop/pods/web/exec",
    ],
)
def test_what_names_nothing_is_not_guessed(path):
    """Unknown kinds, wrong scopes and overlong paths have no target."""
    assert paths.parse(path) is None
