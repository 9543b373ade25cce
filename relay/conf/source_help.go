package conf

// SourceHelp documents the keys of the file that say who may post alerts and who
// may answer them, field by field, for "alertrelay check --help". TestSourceHelp
// holds it against the reader.
const SourceHelp = `Who posts alerts; without sources, everybody may:
   sources:                   # if given, only these; none of their keys is needed
     am:                      # the name in addresses and channels: 1-16 of a-z 0-9 _
       auth:                  # any one of these suffices, but hmac must hold as well. Each
                              # takes a value or a list, so that a secret can be changed
         bearer: TOKEN        # Authorization: Bearer TOKEN
         bearer_file: [secrets/am, secrets/am.old]    # every secret can stand in a file; a
                              # newline at its end does not count
         basic: {user: ada, password: SECRET}         # or password_file
         header: {name: X-Token, value: SECRET}       # or value_file
         path_token: TOKEN    # /in/t/TOKEN/..., for senders that set no header; or path_token_file
         routing_key: KEY     # of PagerDuty's events; or routing_key_file
         hmac:                # the body is signed: hex HMAC-SHA256
           secret: SECRET     # or secret_file
           header: X-Grafana-Alerting-Signature
           prefix: ""         # before the digits, such as sha256=
           timestamp_header: X-Time                   # Unix seconds, signed too: time:body
           max_age: 5m        # how far that time may be away
       api: [http://am-1:9093, http://am-2:9093]      # Alertmanager's API, the members of one
                              # cluster: to see what fires, and to silence
       api_auth: {bearer: TOKEN}                      # or bearer_file, or basic
       api_interval: 30s      # between two looks, at least 5s
       repeat_interval: 4h    # of the sender's route; they tell when nothing was heard
       group_interval: 5m     #    of an alert for too long
       silent_after: 0        # nothing was heard of the source for so long: an alert, and until it
                              # speaks again its alerts become stale and none expires; 0: never
       ack_as_silence: 0      # who acknowledges also silences for so long; 0: no; needs api
       mapping: uptime-kuma   # how any JSON is read: the name of a preset, or a mapping
   watchdogs:                 # alerts that always fire; that one is missing is an alert, and its
                              # source counts as silent
   - match: 'alertname="Watchdog"'      # one matcher or a list, as in routes
     within: 3m
   alerts: {updates: false}   # true: a changed annotation is an event too
   api:
     token: TOKEN             # who shows it may acknowledge and silence, in any name; or
                              # token_file, or the variable ALERTRELAY_API_TOKEN
     tokens:                  # each person or script one of his own: the author of what he
                              # does is then the name, and no other is taken; without
                              # token and tokens: everybody, in any name
     - {name: ada, token: SIXTEEN-CHARACTERS-OR-MORE}  # or several; or token_file`
