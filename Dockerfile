# syntax=docker/dockerfile:1
# One image for every process of docker-compose.yaml. It holds the project and no secret: those come
# from the environment when a container starts.
FROM python:3.11-slim AS environment

COPY --from=ghcr.io/astral-sh/uv:0.13.8 /uv /usr/local/bin/uv
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_CACHE_DIR=/cache UV_PYTHON=/usr/local/bin/python3.11
RUN uv venv /environment
COPY requirements.lock /build/
# torch without CUDA, from PyTorch's own index of builds for CPUs
RUN --mount=type=cache,target=/cache \
    VIRTUAL_ENV=/environment uv pip sync --torch-backend cpu /build/requirements.lock

FROM python:3.11-slim

# libgomp: LightGBM's threads
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 perennial
COPY --from=environment /environment /environment
ENV PATH=/environment/bin:$PATH PERENNIAL_PROJECT=/project PYTHONUNBUFFERED=1
WORKDIR /project
COPY . /project
# The library as it lies in plugins/, which Airflow reads too; only the data's folders are writable.
COPY --from=ghcr.io/astral-sh/uv:0.13.8 /uv /tmp/uv
RUN VIRTUAL_ENV=/environment /tmp/uv pip install --no-deps --no-cache --editable /project \
    && rm /tmp/uv \
    && python -m compileall -q plugins \
    && mkdir -p var data/lake \
    && chown -R perennial:perennial var data/lake
USER perennial
VOLUME ["/project/var", "/project/data/lake"]
CMD ["perennial", "--help"]
