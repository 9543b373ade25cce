package conf

// SiteHelp documents the keys of the file that say what is served where, field
// by field, for "alertrelay check --help". TestSiteHelp holds it against the
// reader.
const SiteHelp = `What is served where; without these keys, the built-in locations:
   locations:                 # on the address of listen; or servers, below
   - path: /ev/               # a prefix; "= /pub" exactly, "^~ /a/" a prefix before any
                              # regular expression, "~ ^/sub/(.*)" one, "~* ..." in any case
     mode: eventsource        # publisher, admin (also DELETE), statistics, stream, poll,
                              # longpoll, eventsource, websocket, none (404)
     module: false            # true: the answers and defaults of nginx-push-stream-module
     channels: $rest          # the channels path: $rest is what follows a prefix that ends
                              # with a slash; for other paths the default is $arg_id
     time: $arg_time          # the cursor; with module, and not given: the headers
     tag: $arg_tag            #    If-Modified-Since, If-None-Match and Last-Event-ID
     event_id: $arg_eventid
     header_cursor: true      # where one of these is empty the header counts
     wildcards: true          # take subscriptions to wildcards such as db.>
     template: '{"text":~text:json~}'   # tokens id text size channel time tag event-id
                              # event-type; escaped by :json :html :js :url
     header: ""               # before the first message
     header_file: page.html   # or from a file, byte for byte
     footer: ""               # after the last message
     content_type: text/plain
     types: {html: text/html} # by extension of the path: kept, but content_type counts
     ping: 10s                # silence before a ping; 0: none
     ttl: 0                   # ends streams and WebSockets; 0: never
     poll_ttl: 30s            # how long a long poll waits; 0: for ever
     store: true              # keep what is published here
     info: true               # answer publishers with the channel's figures
     allow_publish: false     # WebSocket clients may publish
     authorized_only: false   # only channels that hold a message
     wildcard_max: 0          # most channels with the wildcard_prefix, beside one without
     allow_events: false      # subscriptions to the events channel
     allow_origin: "*"        # Access-Control-Allow-Origin; "": none
     headers:                 # added to answers; always: to errors too
     - {name: X-Relay, value: $host, always: false}
     user_agent: $http_user_agent       # what padding goes by
     padding:                 # filler up to so many bytes, the first that matches
     - {agent: MSIE, header: 1024, message: 508}
     max_body: 1MiB           # 0: any size
     gzip: false              # or {on, types: [...], min_length: 20B, level: 1, vary, http10}
     body_timeout: 60s        # silence of a client that sends
     send_timeout: 60s        # of one that does not take what is sent
     keepalive_timeout: 75s   # between two requests; 0: one request per connection
     keepalive_requests: 1000
     steps:                   # for each request, in order: set, if, return, break
     - {set: room, value: x_$arg_id}
     - if: $arg_qs = on       # or = != ~ ~* !~ !~*, or the variable alone
       time: $arg_time        # any of channels, time, tag, event_id, store, allow_events
       steps: []
     - {return: 403, text: no}          # or the URL of a redirect
     - {break: true}
     locations: []            # looked at if this one matches
   servers:                   # instead of, or after, locations
   - listen: 0.0.0.0:8080     # or several: ["[::]:80", unix:/run/relay.sock,
                              #    {address: :443, tls: true, default: true}]
     names: [relay.example.org]         # also "*.example.org", "~^re"; default: any
     cert: /etc/relay.crt
     key: /etc/relay.key
     header_timeout: 60s      # and body_timeout, send_timeout, keepalive_... as above
     module: false            # defaults of its locations, also types and gzip
     steps: []                # before a location is sought
     locations: []
   push_stream:               # of all channels
     deleted_text: Channel deleted
     ping_text: " "
     inactivity_time: 30s     # how long an unused channel lives
     timeout_body: false      # a long poll that waited in vain ends with a message
     events_channel: ""       # id of the channel that tells of channels
     wildcard_prefix: ""      # begins the ids of wildcard channels
     max_channels: 0          # channels without that prefix; 0: any number
     max_wildcard_channels: 0
     shared_memory: 0         # of nginx.conf: storage.max_bytes, where that is not set; at
                              # least 32MiB
     message_ttl: 30m         # any of these four takes the place of the last group, and of
     max_messages: 0          # limits.channel_id; the others are then without limit
     max_subscribers: 0
     max_channel_id: 0

Values may hold variables: $arg_NAME, $http_NAME, $cookie_NAME, $1 to $9 and named
captures of a regular expression, $uri $request_uri $args $is_args $host $remote_addr
$remote_port $server_addr $server_port $server_name $scheme $request_method
$content_type $content_length, and those of set.`
