# The load tester in a container: docker build -t hls-swarm . && docker run --rm -it hls-swarm demo
FROM python:3.13-slim AS build
WORKDIR /source
RUN python3 -m venv /opt/hls-swarm
COPY requirements/run.lock requirements/
RUN /opt/hls-swarm/bin/python -m pip install --no-cache-dir --require-hashes --no-deps -r requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY docs/man docs/man
COPY src src
# What only installs is of no use afterwards.
RUN /opt/hls-swarm/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/hls-swarm/bin/python -m pip uninstall --yes hatchling pathspec pluggy trove-classifiers pip

FROM python:3.13-slim
COPY --from=build /opt/hls-swarm /opt/hls-swarm
RUN useradd --uid 10001 --no-create-home --home-dir /data swarm && install -d -o swarm -g swarm /data /data/runs
ENV PATH=/opt/hls-swarm/bin:$PATH
USER 10001
WORKDIR /data
EXPOSE 17091
# What Ctrl-C sends: the run ends gracefully, with its summary and files.
STOPSIGNAL SIGINT
ENTRYPOINT ["hls-swarm"]
CMD ["--help"]
