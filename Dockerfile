# Skewline, as a user without rights: docs/hosting.md.
FROM python:3.13-slim

RUN useradd --create-home --uid 10001 skewline
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --requirement requirements.txt

COPY --chown=10001 . .
USER 10001
# Machine code, for the processor that builds the image; another one compiles at the first start.
RUN python -m lib.warm_up

ENV STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_HEADLESS=true \
    STREAMLIT_SERVER_FILE_WATCHER_TYPE=none
EXPOSE 8501
HEALTHCHECK --start-period=60s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=3)"]
CMD ["streamlit", "run", "streamlit_app.py"]
