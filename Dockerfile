# One image for every service of docker-compose.yml; the command says which it is.
FROM python:3.11.14-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH \
    C360_HOME=/var/lib/c360 \
    DAGSTER_HOME=/opt/seamless360/deploy

RUN useradd --system --create-home --uid 10360 c360 \
    && mkdir -p /var/lib/c360 && chown c360 /var/lib/c360
WORKDIR /opt/seamless360

COPY requirements-uv.txt requirements.txt ./
RUN python -m venv /opt/venv \
    && pip install --no-cache-dir --require-hashes -r requirements-uv.txt \
    && uv pip install --no-cache --python /opt/venv/bin/python --require-hashes -r requirements.txt

COPY . .
RUN uv pip install --no-cache --python /opt/venv/bin/python --no-deps --no-build-isolation --editable .

USER c360
# dbt's manifest is made once, in the image, not at every start.
RUN python -c "from dagster_project.assets.dbt import manifest; manifest()"
