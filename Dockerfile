# One image for every role; compose and the cluster say which: node src/server.ts api, node workers/forward.ts, …
ARG NODE_IMAGE=node:24-bookworm-slim
FROM ${NODE_IMAGE}

# ffmpeg decodes what is not WAV. Without it, and without apt to get it, the system runs and says so.
RUN command -v ffmpeg >/dev/null \
 || { command -v apt-get >/dev/null && apt-get update -q \
      && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ffmpeg \
      && rm -rf /var/lib/apt/lists/*; } \
 || echo 'no ffmpeg in this image: only WAV is decoded'

WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force
COPY infra ./infra
COPY scripts ./scripts
COPY src ./src
COPY workers ./workers

# A number, so that Kubernetes can see that it is not root; the process writes nothing but temporary files.
USER 1000:1000
EXPOSE 3000
CMD ["node", "--max-semi-space-size=2", "--heap-growing-percent=50", "src/server.ts", "api"]
