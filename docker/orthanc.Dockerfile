# Orthanc with the plug-ins that lungcad uses, from Debian's packages: the versions that the tests run against.
ARG BASE=docker.io/library/debian:12-slim
FROM ${BASE}
# policy-rc.d keeps the package from starting its daemon while the image is built.
RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      orthanc orthanc-dicomweb orthanc-python orthanc-gdcm curl \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir -p /var/lib/orthanc/db /etc/lungcad && chown orthanc:orthanc /var/lib/orthanc/db
COPY docker/orthanc.json docker/notify_plugin.py /etc/lungcad/
USER orthanc
WORKDIR /var/lib/orthanc
VOLUME /var/lib/orthanc/db
EXPOSE 8042 4242
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD curl -fsu "lungcad:${LUNGCAD_ORTHANC_PASSWORD:-$(cat "$LUNGCAD_ORTHANC_PASSWORD_FILE")}" http://127.0.0.1:8042/system
# Orthanc takes the password from its environment; a secret in a file gets there here, and nowhere else.
CMD ["/bin/sh", "-c", "export LUNGCAD_ORTHANC_PASSWORD=\"${LUNGCAD_ORTHANC_PASSWORD:-$(cat \"$LUNGCAD_ORTHANC_PASSWORD_FILE\")}\"; exec /usr/sbin/Orthanc /etc/lungcad/orthanc.json"]
