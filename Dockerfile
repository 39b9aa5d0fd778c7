# The service without tests, tools or a package installer, for a user without rights.
# Where it is built, the base is pinned by digest: docs/deploy.md says how.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# requirements-tracing.lock has the packages for SCNEN_TRACING on top.
ARG LOCK=requirements.lock
WORKDIR /build
COPY ${LOCK} ./
RUN python -m venv --without-pip /opt/scnen-cds \
 && pip --python /opt/scnen-cds/bin/python install --no-cache-dir \
      --disable-pip-version-check --only-binary :all: --require-hashes \
      -r "${LOCK}"
COPY openapi.yaml LICENSE ./
COPY cds_hooks cds_hooks
COPY service service
# -L: service/data/openapi.yaml is a link. Compiled here: the root may be read-only later.
RUN cp -RL cds_hooks service /opt/scnen-cds/lib/python3.11/site-packages/ \
 && cp LICENSE /opt/scnen-cds/ \
 && python -m compileall -q /opt/scnen-cds/lib \
 && /opt/scnen-cds/bin/python -c "from service.wording import compile_templates as do; do()"

FROM ${PYTHON_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="scnen-cds" \
      org.opencontainers.image.description="CDS Hooks service: risk of superior cluneal nerve entrapment" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# No user can become another (no setuid), and nothing can be installed: neither pip nor apt
# is left. The list of the base's packages stays, for scanners. The folder for the spool
# belongs to the service; all else is root's.
RUN echo "scnen:x:10001:" >> /etc/group \
 && echo "scnen:x:10001:10001::/nonexistent:/usr/sbin/nologin" >> /etc/passwd \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/scnen-cds \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && find /usr -xdev -depth \( -name ensurepip -o -path '*-packages/[ps]*' \
      \( -name 'pip*' -o -name 'setuptools*' \) -o -path '/usr/*bin/pip*' \) \
      -exec rm -rf {} + \
 && rm -rf /usr/*bin/apt* /usr/*bin/dpkg* /usr/lib/apt /etc/apt /var/lib/apt /var/cache/apt
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
CMD ["serve", "--host", "0.0.0.0"]
