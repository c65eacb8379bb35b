# The node agent's image. Build context: the repository.
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg NODE_IMAGE=docker.io/library/node:24-bookworm-slim@sha256:DIGEST .
# Programs are compiled on the building machine's own platform; only Debian's nftables is installed on the target's.
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# Without scripts: nothing of a package runs but the tools that the build calls. Once for all targets: before any is named.
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
ARG TARGETARCH
COPY deploy/image/toolchain.sh deploy/image/
RUN deploy/image/toolchain.sh install "$TARGETARCH"
COPY . .
RUN deploy/image/toolchain.sh build "$TARGETARCH"

FROM ${NODE_IMAGE}
RUN apt-get update -qq \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nftables \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/* /var/lib/dpkg/*-old
COPY --from=build /src/image/ /
ARG VERSION
ARG REVISION=unknown
LABEL org.opencontainers.image.title="causeway" \
  org.opencontainers.image.description="Kubernetes CNI node agent: one bridge, one veth per pod, no state but the kernel's" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
# Root, for the host's folders; which capabilities it has is the pod's to say, and CAP_NET_ADMIN is enough.
USER 0:0
WORKDIR /
# One pool for all threads: the C library's own choice, one for each, keeps 3 MB of memory that nobody uses.
ENV MALLOC_ARENA_MAX=1
ENTRYPOINT ["/usr/local/bin/node", "/opt/causeway/causeway.mjs"]
CMD ["agent"]
