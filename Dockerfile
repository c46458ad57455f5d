# One image for every role: `paceline worker`, `paceline api`, `paceline migrate`.
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build

# The build backend, apart from what runs.
COPY scripts/requirements-build.lock .
RUN python -m venv /backend && /backend/bin/pip install --require-hashes --requirement requirements-build.lock

COPY requirements.lock .
RUN python -m venv /opt/paceline \
  && /opt/paceline/bin/pip install --require-hashes --requirement requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY paceline paceline
COPY workflows workflows
COPY activities activities
COPY workers workers
COPY api api
COPY migrations migrations
RUN /backend/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
  && /opt/paceline/bin/pip install --no-deps /wheel/*.whl

FROM python:3.11.14-slim-bookworm
RUN apt-get update \
  && apt-get install --yes --no-install-recommends git \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --uid 10001 --create-home --shell /usr/sbin/nologin paceline \
  && install --directory --owner paceline --group paceline /var/lib/paceline /repositories
COPY --from=build /opt/paceline /opt/paceline
ENV PATH=/opt/paceline/bin:$PATH PACELINE_HOME=/var/lib/paceline PYTHONUNBUFFERED=1
USER paceline
WORKDIR /var/lib/paceline
ENTRYPOINT ["paceline"]
CMD ["--help"]
