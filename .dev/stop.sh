# stop what ./dev run --background started (--dir DIR)
verb_help "Usage: ./dev stop [--dir DIR]
Stops the run in DIR (default: run/): front-ends first, then the storage service." "$@"
exec "$python" .dev/stop.py "$@"
