# The service: `arouter serve`, and `arouter migrate` for the migration job. Built by `make images`, or from the
# repository's root:
#   docker build -f deploy/service.Dockerfile -t arouter-service .
# Runs as 10001 with a read-only root; it writes only to AROUTER_STATE_DIR.
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm
ARG BUILDER=$BASE
FROM $BUILDER AS build
WORKDIR /src
# Without pip, which is not needed at run time.
RUN python3 -m venv --without-pip /opt/arouter
COPY pyproject.toml constraints.txt README.md LICENSE ./
# What ARouter depends on, first: these layers are the same for both images, and as long as pyproject.toml is.
RUN python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
      > requirements.txt \
 && sed -i /^arouter-client/d requirements.txt \
 && pip --python /opt/arouter/bin/python install --no-cache-dir --no-compile -c constraints.txt -r requirements.txt
COPY clients/python clients/python
COPY service service
COPY gateway gateway
RUN pip --python /opt/arouter/bin/python install --no-cache-dir --no-compile --no-deps ./clients/python .
COPY deploy/images/trim.py trim.py
# `strip` is not in Python's slim image.
# hadolint ignore=DL3008
RUN command -v strip >/dev/null || { apt-get update -qq && apt-get install -qq --no-install-recommends binutils; }; \
    python3 trim.py /opt/arouter

FROM $BASE
COPY --from=build /opt/arouter /opt/arouter
ENV PATH=/opt/arouter/bin:$PATH PYTHONDONTWRITEBYTECODE=1 AROUTER_LISTEN_ADDRESS=0.0.0.0 AROUTER_STATE_DIR=/var/lib/arouter
# Numeric, so that Kubernetes can verify that it is not root.
USER 10001:10001
EXPOSE 50051 9464
ENTRYPOINT ["arouter"]
CMD ["serve"]
# `make images` adds the version and the revision.
LABEL org.opencontainers.image.title="ARouter service" org.opencontainers.image.licenses="Apache-2.0"
