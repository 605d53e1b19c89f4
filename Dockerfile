# The worker and the starter. The query engine is C++ and linked in, so both stages are of one Debian release.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY activities activities
COPY examples examples
COPY internal internal
COPY starter starter
COPY worker worker
COPY workflows workflows
RUN CGO_ENABLED=1 go build -trimpath -ldflags="-s -w" -o /out/ ./worker ./starter

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates libstdc++6 tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 consign \
 && useradd --uid 10001 --gid consign --no-create-home --home-dir /var/lib/consign --shell /usr/sbin/nologin consign \
 && install --directory --owner consign --group consign --mode 0700 /var/lib/consign/workspace \
 && install --directory /etc/consign
COPY --from=build /out/worker /out/starter /usr/local/bin/
USER 10001:10001
ENV CONSIGN_CONFIG=/etc/consign CONSIGN_WORKSPACE_DIR=/var/lib/consign/workspace TZ=UTC
# A run goes on with the files it finds here: it must outlive the container.
VOLUME /var/lib/consign/workspace
# Asks Temporal with the worker's own configuration: the worker is as well as its way there is.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 CMD ["starter", "runs", "-o", "json"]
# SIGTERM lets running steps reach a safe place; docker's grace of 10 s would cut that short.
STOPSIGNAL SIGTERM
ENTRYPOINT ["worker"]
