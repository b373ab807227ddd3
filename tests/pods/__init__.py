"""Runs the manifests of `deploy/kubernetes` as pods of podman, as a cluster would.

- `manifest`: what the kubelet reads of a Pod: probes, preStop, grace period. Pure
- `probes`: executes a probe
- `engine`: podman's commands
- `pod`: the kubelet: one pod's life, from its start to its end
- `cluster`: the controllers: Deployments, Jobs, rolling updates, evictions, and the network's names and doors
- `policies`: NetworkPolicies as nftables rules. Pure
- `network`: the addresses behind a name (DNS), and a Service's door (kube-proxy)
"""
