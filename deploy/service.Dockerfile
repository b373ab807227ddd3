# The service: `arouter serve`, and `arouter migrate` for the migration job. Built from the repository's root:
#   docker build -f deploy/service.Dockerfile -t arouter-service .
# Runs as 10001 with a read-only root; it writes only to AROUTER_STATE_DIR.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
# Without pip, which is not needed at run time.
RUN python -m venv --without-pip /opt/arouter
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY service service
COPY gateway gateway
RUN pip --python /opt/arouter/bin/python install --no-cache-dir --no-compile -c constraints.txt . \
 && /opt/arouter/bin/python -m compileall -q /opt/arouter/lib

FROM python:3.11.14-slim-bookworm
LABEL org.opencontainers.image.title="ARouter service" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/arouter /opt/arouter
ENV PATH=/opt/arouter/bin:$PATH PYTHONDONTWRITEBYTECODE=1 AROUTER_LISTEN_ADDRESS=0.0.0.0 AROUTER_STATE_DIR=/var/lib/arouter
# Numeric, so that Kubernetes can verify that it is not root.
USER 10001:10001
EXPOSE 50051 9464
ENTRYPOINT ["arouter"]
CMD ["serve"]
