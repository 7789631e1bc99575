# The server of promptseg, from this checkout: docker build -t promptseg .
# For NVIDIA devices: docker build -t promptseg:cuda --build-arg DEVICE=cuda .
ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS build
ARG DEVICE=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/promptseg
ENV PATH=/opt/promptseg/bin:$PATH
# torch brings the libraries of CUDA. It comes first, so that a change of the source does not fetch it again. Its version is that of the day.
# hadolint ignore=DL3013
RUN if [ "$DEVICE" = cuda ]; then pip install "torch>=2.6" torchvision; fi
COPY pyproject.toml README.md LICENSE /source/
COPY src /source/src
RUN if [ "$DEVICE" = cuda ]; then extras=server,mobile-sam; else extras=server; fi \
    && pip install "/source[$extras]"

FROM python:${PYTHON}-slim-bookworm
COPY --from=build /opt/promptseg /opt/promptseg
RUN useradd --uid 10001 --create-home promptseg \
    && install --directory --owner promptseg --group promptseg /var/lib/promptseg
ENV PATH=/opt/promptseg/bin:$PATH PROMPTSEG_HOME=/var/lib/promptseg PYTHONUNBUFFERED=1
USER 10001
# Weights that were fetched, and prepared graphs.
VOLUME /var/lib/promptseg
EXPOSE 8420
# The first start fetches the weights of the model.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8420/ready', timeout=4)"]
ENTRYPOINT ["promptseg"]
# The server makes a token and prints it, unless PROMPTSEG_TOKEN gives one.
CMD ["serve", "--host", "0.0.0.0"]
