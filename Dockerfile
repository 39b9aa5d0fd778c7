# The service without tests, tools or a package installer in its environment.
# Where it is built, the base is pinned by digest: docs/operations.md says how.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv --without-pip /opt/scnen-cds \
 && pip --python /opt/scnen-cds/bin/python install --no-cache-dir \
      --disable-pip-version-check --only-binary :all: --require-hashes \
      -r requirements.lock
COPY openapi.yaml LICENSE ./
COPY cds_hooks cds_hooks
COPY service service
# -L: service/data/openapi.yaml is a link. Compiled here: the root may be read-only later.
RUN cp -RL cds_hooks service /opt/scnen-cds/lib/python3.11/site-packages/ \
 && cp LICENSE /opt/scnen-cds/ \
 && python -m compileall -q /opt/scnen-cds/lib

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="scnen-cds" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10001 scnen \
 && useradd --system --uid 10001 --gid scnen --no-create-home \
      --home-dir /nonexistent --shell /usr/sbin/nologin scnen
COPY --from=build /opt/scnen-cds /opt/scnen-cds
ENV PATH=/opt/scnen-cds/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /opt/scnen-cds
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz/ready', timeout=2)"]
ENTRYPOINT ["python", "-m", "service"]
CMD ["serve", "--open"]
