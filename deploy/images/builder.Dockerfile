# The base with what deploy/*.Dockerfile build with. Nothing of it reaches an image.
# hadolint ignore=DL3006
FROM localhost/arouter-base
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends python3-venv python3-pip binutils \
 && rm -rf /var/lib/apt/lists/*
