"""What NetworkPolicies allow a pod, as nftables rules for its own network namespace. Pure.

A network plugin enforces them on the node's side of the pod's interface; in the pod's namespace the same packets are
seen by the hooks `input` and `output`, and the pod has no right to change rules. An operator that our policies do
not use is refused with a NotImplementedError, so that no rule is left out of a test unnoticed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pods.manifest import Object, container, port_number

_RULES = """\
table inet policies
delete table inet policies
table inet policies {{
  chain ingress {{
    type filter hook input priority 0; policy accept;
    iif lo accept
    ct state established,related accept
{ingress}
  }}
  chain egress {{
    type filter hook output priority 0; policy accept;
    oif lo accept
    ct state established,related accept
{egress}
  }}
}}
"""
_DENY = "reject with icmpx type admin-prohibited"
"""Most plugins drop; a rejected connection fails at once."""


class Peer(NamedTuple):
    """What policies know of a pod.

    Attributes:
        address: Its IP address.
        labels: Its own.
        namespace: Those of its namespace.
        spec: Its specification, for the numbers of named ports; None for a pod that is not played.
    """

    address: str
    labels: dict[str, str]
    namespace: dict[str, str]
    spec: Object | None


def rules(pod: Peer, peers: list[Peer], policies: list[Object], node: str) -> str:
    """Returns the rules for one pod, which replace those before.

    Args:
        pod: Whose rules.
        peers: All pods of the cluster.
        policies: The NetworkPolicies of the pod's namespace.
        node: The node's address, from which probes come; nothing restricts it.
    """
    own = [each["spec"] for each in policies if selects(each["spec"]["podSelector"], pod.labels)]
    ingress = [spec for spec in own if "Ingress" in spec["policyTypes"]]
    egress = [spec for spec in own if "Egress" in spec["policyTypes"]]
    incoming = [line for spec in ingress for rule in spec.get("ingress", ()) for line in _incoming(pod, peers, rule)]
    outgoing = [line for spec in egress for rule in spec.get("egress", ()) for line in _outgoing(pod, peers, rule)]
    return _RULES.format(
        ingress="\n".join([f"ip saddr {node} accept", *incoming, _DENY] if ingress else []),
        egress="\n".join([*outgoing, _DENY] if egress else []),
    )


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Says whether a label selector selects labels. An empty one selects all.

    Raises:
        NotImplementedError: It has an operator other than `In`.
    """
    for row in selector.get("matchExpressions", ()):
        if row["operator"] != "In":
            raise NotImplementedError(row["operator"])
        if labels.get(row["key"]) not in row["values"]:
            return False
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())


def _incoming(pod: Peer, peers: list[Peer], rule: Object) -> Iterator[str]:
    for port in _ports(rule, pod):
        if "from" not in rule:
            yield f"{port} accept"
        for origin in _addresses(pod, peers, rule.get("from", ())):
            yield f"ip saddr {origin.address} {port} accept"


def _outgoing(pod: Peer, peers: list[Peer], rule: Object) -> Iterator[str]:
    for row in rule["to"]:
        if "ipBlock" in row:
            excepted = ", ".join(row["ipBlock"].get("except", ()))
            but = f"ip daddr != {{ {excepted} }} " if excepted else ""
            cidr = ipaddress.ip_network(row["ipBlock"]["cidr"])
            yield from (f"{but}ip daddr {cidr} {port} accept" for port in _ports(rule, None))
    for target in _addresses(pod, peers, rule["to"]):
        yield from (f"ip daddr {target.address} {port} accept" for port in _ports(rule, target))


def _addresses(pod: Peer, peers: list[Peer], rows: Iterable[Object]) -> Iterator[Peer]:
    """Yields the pods that any row selects: in the pod's own namespace, unless the row selects namespaces."""
    for peer in peers:
        for row in rows:
            if "ipBlock" in row:
                continue
            here = peer.namespace == pod.namespace
            namespace = selects(row["namespaceSelector"], peer.namespace) if "namespaceSelector" in row else here
            if namespace and selects(row.get("podSelector", {}), peer.labels):
                yield peer
                break


def _ports(rule: Object, target: Peer | None) -> Iterator[str]:
    """Yields a rule's ports; a name means the target's port of that name, if it has one."""
    for row in rule["ports"]:
        port = row["port"]
        if isinstance(port, str):
            if target is None or target.spec is None:
                continue
            try:
                port = port_number(container(target.spec), port)
            except LookupError:
                continue
        yield f"{row.get('protocol', 'TCP').lower()} dport {port}"
