#!/bin/sh
# A tour of the relay with curl: every way in and out, once. It says what it does
# and ends with 1 when an answer is not as expected.
#
#   sh examples/tour.sh [http://127.0.0.1:8080]
#
# It publishes to channels of its own, named after the time and its process, and
# deletes them at the end.
set -u

relay=${1:-http://127.0.0.1:8080}
relay=${relay%/}
run=tour-$(date +%s)-$$
dir=$(mktemp -d) || exit 1
pids=

cleanup() {
  for pid in $pids; do kill "$pid" 2>/dev/null; done
  for pid in $pids; do wait "$pid" 2>/dev/null; done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

say() { printf '\n== %s\n' "$1"; }

fail() {
  printf 'tour: %s\n' "$1" >&2
  if [ -n "${2:-}" ] && [ -f "$2" ]; then
    printf 'the answer was:\n' >&2
    cat "$2" >&2
  fi
  exit 1
}

# request NAME ARGS...: one request. The body is put into $dir/NAME, the headers
# into $dir/NAME.h; both are shown as they are. $status is the status.
request() {
  out=$dir/$1
  shift
  status=$(curl -sS --max-time 40 -o "$out" -D "$out.h" -w '%{http_code}' "$@") || fail "no answer from $relay"
  [ -f "$out" ] || : >"$out"
}

# want STATUS [TEXT...]: the last request was answered so, and the body has these.
want() {
  [ "$status" = "$1" ] || fail "got status $status, want $1" "$out"
  shift
  for text in "$@"; do
    grep -qF -e "$text" "$out" || fail "the answer does not have: $text" "$out"
  done
  sed 's/^/   /' "$out"
}

# lacks TEXT: the body of the last request does not have it.
lacks() {
  if grep -qF -e "$1" "$out"; then fail "the answer should not have: $1" "$out"; fi
}

# follow NAME ARGS...: a request that goes on in the background, for 30 s at most.
follow() {
  into=$dir/$1
  shift
  curl -sSN --max-time 30 -o "$into" "$@" 2>"$into.err" &
  pids="$pids $!"
  last=$!
}

# arrives NAME TEXT: within 10 s, the answer of a followed request has the text.
arrives() {
  i=0
  while ! grep -qsF -e "$2" "$dir/$1"; do
    i=$((i + 1))
    [ $i -le 100 ] || fail "did not arrive within 10 s: $2" "$dir/$1"
    sleep 0.1
  done
  grep -F -e "$2" "$dir/$1" | tail -n 1 | sed 's/^/   /'
}

# subscribed CHANNEL N: within 10 s, the channel has at least N subscribers.
subscribed() {
  i=0
  while :; do
    request info "$relay/channels-stats?id=$1"
    n=$(sed -n 's/.*"subscribers": *\([0-9]*\).*/\1/p' "$out")
    [ "${n:-0}" -ge "$2" ] && return
    i=$((i + 1))
    [ $i -le 100 ] || fail "channel $1 did not get $2 subscribers" "$out"
    sleep 0.1
  done
}

# publish CHANNELS TEXT [ARGS...]
publish() {
  channels=$1
  text=$2
  shift 2
  request published -X POST --data-binary "$text" "$@" "$relay/pub?id=$channels"
  [ "$status" = 200 ] || fail "publishing was answered $status, want 200" "$out"
}

# remove CHANNEL
remove() {
  request removed -X DELETE "$relay/pub?id=$1"
  [ "$status" = 200 ] || fail "deleting channel $1 was answered $status, want 200" "$out"
}

a=$run.a
b=$run.b

say "Is the relay there, and ready?"
request health "$relay/-/healthy"
want 200
request ready "$relay/-/ready"
want 200

say "Publish to a channel; the answer tells about it"
publish "$a" "hello"
want 200 "\"channel\": \"$a\"" '"published_messages": 1' '"stored_messages": 1'

say "Ask about the channel"
request info "$relay/pub?id=$a"
want 200 "\"channel\": \"$a\"" '"published_messages": 1'

say "Server-sent events: the last message, and then what comes"
follow sse "$relay/ev/$a.b1"
arrives sse '"text":"hello"'
publish "$a" "live over SSE"
arrives sse '"text":"live over SSE"'

say "Streaming: a page that grows by a script for each message"
follow stream "$relay/sub/$a.b1"
arrives stream "'live over SSE'"
publish "$a" 'live on the page'
arrives stream "'live on the page'"
grep -qF 'PushStream.register' "$dir/stream" || fail "the page does not register" "$dir/stream"

say "A text is data, wherever it goes: quotes, brackets, script"
publish "$a" "\"it's\" </script><script>alert(1)</script> }{"
arrives sse '\"it'
if grep -qF '</script><script>alert' "$dir/stream"; then fail "the page runs what was published" "$dir/stream"; fi
request poll "$relay/poll/$a.b1"
want 200 '\"it'

say "Long-polling: waits for a message"
request head "$relay/poll/$a.b1"
time=$(sed -n 's/^[Ll]ast-[Mm]odified: *\(.*GMT\).*/\1/p' "$out.h")
etag=$(sed -n 's/^[Ee][Tt]ag: *\(.*[0-9]\).*/\1/p' "$out.h")
[ -n "$time" ] && [ -n "$etag" ] || fail "no Last-Modified and Etag to go on from" "$out.h"
follow longpoll -H "If-Modified-Since: $time" -H "If-None-Match: $etag" "$relay/lp/$a"
sleep 0.3
[ -s "$dir/longpoll" ] && fail "the long poll did not wait" "$dir/longpoll"
publish "$a" "ends the long poll"
arrives longpoll '"text":"ends the long poll"'
wait "$last" || fail "the long poll did not end" "$dir/longpoll.err"

say "Polling, going on by time and tag: headers, then arguments"
publish "$a" "after the long poll"
request poll -H "If-Modified-Since: $time" -H "If-None-Match: $etag" "$relay/poll/$a"
want 200 '"text":"ends the long poll"' '"text":"after the long poll"'
lacks '"text":"live on the page"'
encoded=$(printf '%s' "$time" | sed 's/ /%20/g; s/,/%2C/g; s/:/%3A/g')
request poll "$relay/poll/$a?time=$encoded&tag=${etag#W/}"
want 200 '"text":"ends the long poll"' '"text":"after the long poll"'
lacks '"text":"live on the page"'

say "Nothing new: 304"
time=$(sed -n 's/^[Ll]ast-[Mm]odified: *\(.*GMT\).*/\1/p' "$out.h")
etag=$(sed -n 's/^[Ee][Tt]ag: *\(.*[0-9]\).*/\1/p' "$out.h")
request poll -H "If-Modified-Since: $time" -H "If-None-Match: $etag" "$relay/poll/$a"
want 304

say "An event stream goes on by time and tag, too"
encoded=$(printf '%s' "$time" | sed 's/ /%20/g; s/,/%2C/g; s/:/%3A/g')
follow resumed "$relay/ev/$a?time=$encoded&tag=${etag#W/}"
publish "$a" "the only one"
arrives resumed '"text":"the only one"'
[ "$(grep -c '^data:' "$dir/resumed")" = 1 ] || fail "more than the one message came" "$dir/resumed"

say "Event ids and event types"
publish "$b" "first" -H 'Event-Id: e-1'
publish "$b" "second" -H 'Event-Id: e-2' -H 'Event-Type: note'
follow events -H 'Last-Event-ID: e-1' "$relay/ev/$b"
arrives events '"text":"second"'
arrives events 'id: e-2'
arrives events 'event: note'
if grep -qF '"text":"first"' "$dir/events"; then fail "the message of Last-Event-ID came again" "$dir/events"; fi

say "Backtrack: the last two"
publish "$b" "third"
request poll "$relay/poll/$b.b2"
want 200 '"text":"second"' '"text":"third"'
lacks '"text":"first"'

say "JSONP"
request jsonp "$relay/poll/$b.b1?callback=show"
want 200 'show([' '"text":"third"' ']);'

say "Several channels: publish to two, follow two"
follow two "$relay/ev/$a.b1/$b.b1"
arrives two '"text":"third"'
publish "$a/$b" "to both"
want 200 "\"channel\": \"$a\"" "\"channel\": \"$b\""
arrives two "\"channel\":\"$a\",\"text\":\"to both\""
arrives two "\"channel\":\"$b\",\"text\":\"to both\""

say "A wildcard: all channels of this tour, those to come too"
follow wildcard "$relay/ev/$run.%3E"
arrives wildcard ':'
publish "$run.new.channel" "under the wildcard"
arrives wildcard '"text":"under the wildcard"'

say "WebSocket: the handshake (curl cannot go on from here)"
status=$(curl -sS --http1.1 --max-time 2 -o "$dir/ws" -w '%{http_code}' -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
  -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "$relay/ws/$a.b1" 2>/dev/null)
[ "$status" = 101 ] || fail "got status $status, want 101"
arrives ws '"text":"to both"'

say "Statistics of one channel, in four formats"
request stats -H 'Accept: application/json' "$relay/channels-stats?id=$a"
want 200 "{\"channel\": \"$a\""
request stats -H 'Accept: text/plain' "$relay/channels-stats?id=$a"
want 200 "channel: $a" 'active_subscribers: '
request stats -H 'Accept: application/yaml' "$relay/channels-stats?id=$a"
want 200 "  channel: $a"
request stats -H 'Accept: application/xml' "$relay/channels-stats?id=$a"
want 200 "<name>$a</name>"

say "Statistics of all channels of this tour, and of the relay"
request stats "$relay/channels-stats?id=$run*"
want 200 '"infos": [' "\"channel\": \"$a\"" "\"channel\": \"$b\"" "\"channel\": \"$run.new.channel\""
request stats "$relay/channels-stats"
want 200 '"by_worker": ['

say "Delete a channel; its subscribers are told"
follow doomed "$relay/ev/$b.b1"
arrives doomed '"text":"to both"'
subscribed "$b" 1
remove "$b"
arrives doomed '{"id":-2,'
request info "$relay/pub?id=$b"
want 404

say "Refusals say why"
request refused -X POST --data-binary '' "$relay/pub?id=$a"
want 400
grep -qi '^X-Nginx-PushStream-Explain: Empty post requests are not allowed' "$out.h" || fail "no explanation" "$out.h"
grep -i '^X-Nginx-PushStream-Explain' "$out.h" | sed 's/^/   /'

say "An Alertmanager's notification: an event in the alert's own channel"
rule=Tour$(date +%s)x$$
fingerprint=$(printf '%010d%06d' "$(date +%s)" "$(($$ % 1000000))")
alert=tour.warning.$rule.am-$fingerprint
notification() { # STATUS ENDS-AT
  printf '{"version":"4","groupKey":"{}:{alertname=\\"%s\\"}","status":"%s","receiver":"relay","truncatedAlerts":0,
    "groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://alertmanager.example:9093",
    "alerts":[{"status":"%s","labels":{"alertname":"%s","severity":"warning","team":"tour"},
    "annotations":{"summary":"The tour has come this far"},"startsAt":"%s","endsAt":"%s",
    "generatorURL":"http://prometheus.example:9090/graph","fingerprint":"%s"}]}' \
    "$rule" "$1" "$1" "$rule" "$began" "$2" "$fingerprint"
}
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
follow alerts "$relay/ev/tour.*.$rule.%3E"
arrives alerts ':'
request notified -H 'Content-Type: application/json' --data-binary "$(notification firing 0001-01-01T00:00:00Z)" "$relay/in/alertmanager/am"
want 200
arrives alerts "\"channel\":\"$alert\""
arrives alerts '\"status\":\"firing\"'

say "The same again is no news; resolved is"
request notified -H 'Content-Type: application/json' --data-binary "$(notification firing 0001-01-01T00:00:00Z)" "$relay/in/alertmanager/am"
want 200
request notified -H 'Content-Type: application/json' --data-binary "$(notification resolved "$(date -u +%Y-%m-%dT%H:%M:%SZ)")" "$relay/in/alertmanager/am"
want 200
arrives alerts '\"status\":\"resolved\"'
n=$(grep -cF "\"channel\":\"$alert\"" "$dir/alerts")
[ "$n" = 2 ] || fail "got $n events of the alert, want firing and resolved" "$dir/alerts"

say "Tidy up"
remove "$a"
remove "$run.new.channel"
remove "$alert"

printf '\nThe tour is complete.\n'
