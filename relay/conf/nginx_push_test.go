package conf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"alertrelay/relay/conf"
	"alertrelay/relay/site"
)

func TestDirectivesOfTheWholeModule(t *testing.T) {
	bare := func(directives string) site.Site {
		st, _ := loadNginx(t, "http { "+directives+" server { listen 1; location /p { push_stream_publisher; push_stream_channels_path $arg_id; } } }")
		return st
	}
	const memory = "push_stream_shared_memory_size 10m;"
	st := bare(memory)
	if st.DeletedText != "Channel deleted" || st.PingText != " " || st.InactivityTime != 30*time.Second || st.MessageTTL != 30*time.Minute || !st.LimitsChannels() {
		t.Errorf("defaults: got %+v", st)
	}
	for directive, test := range map[string]struct {
		got  func(site.Site) any
		want any
	}{
		"push_stream_shared_memory_size 131072;":                                                {func(s site.Site) any { return s.SharedMemory }, int64(128 << 10)},
		"push_stream_shared_memory_size 128k name;":                                             {func(s site.Site) any { return s.SharedMemory }, int64(128 << 10)},
		"push_stream_channel_deleted_message_text \"\";":                                        {func(s site.Site) any { return s.DeletedText }, ""},
		"push_stream_ping_message_text \"p\\np\";":                                              {func(s site.Site) any { return s.PingText }, "p\np"},
		"push_stream_channel_inactivity_time 0;":                                                {func(s site.Site) any { return s.InactivityTime }, time.Duration(0)},
		"push_stream_message_ttl 1h30m;":                                                        {func(s site.Site) any { return s.MessageTTL }, 90 * time.Minute},
		"push_stream_timeout_with_body ON;":                                                     {func(s site.Site) any { return s.TimeoutBody }, true},
		"push_stream_max_subscribers_per_channel 3;":                                            {func(s site.Site) any { return s.MaxSubscribers }, 3},
		"push_stream_max_messages_stored_per_channel 4;":                                        {func(s site.Site) any { return s.MaxMessages }, 4},
		"push_stream_max_channel_id_length 5;":                                                  {func(s site.Site) any { return s.MaxChannelID }, 5},
		"push_stream_max_number_of_channels 6;":                                                 {func(s site.Site) any { return s.MaxChannels }, 6},
		"push_stream_max_number_of_wildcard_channels 7; push_stream_wildcard_channel_prefix b;": {func(s site.Site) any { return s.MaxWildcardChannels }, 7},
		"push_stream_wildcard_channel_prefix bd_;":                                              {func(s site.Site) any { return s.WildcardPrefix }, "bd_"},
		"push_stream_events_channel_id evs;":                                                    {func(s site.Site) any { return s.EventsChannel }, "evs"},
	} {
		add := memory
		if strings.Contains(directive, "memory") {
			add = ""
		}
		if got := test.got(bare(add + directive)); got != test.want {
			t.Errorf("%s: got %v, want %v", directive, got, test.want)
		}
	}
}

func TestDirectivesOfLocations(t *testing.T) {
	type of func(site.Location) any
	const prefix = "push_stream_"
	for directive, test := range map[string]struct {
		got  of
		want any
		def  any
	}{
		"store_messages on":                      {func(l site.Location) any { return l.Store }, true, false},
		"channel_info_on_publish off":            {func(l site.Location) any { return l.Info }, false, true},
		"authorized_channels_only on":            {func(l site.Location) any { return l.AuthorizedOnly }, true, false},
		"header_template a$arg_x":                {func(l site.Location) any { return l.Header }, "a$arg_x", ""},
		"message_template ~id~":                  {func(l site.Location) any { return l.Template }, "~id~", "~text~"},
		"footer_template f":                      {func(l site.Location) any { return l.Footer }, "f", ""},
		"ping_message_interval 500ms":            {func(l site.Location) any { return l.PingInterval }, 500 * time.Millisecond, time.Duration(0)},
		"subscriber_connection_ttl 1m":           {func(l site.Location) any { return l.TTL }, time.Minute, time.Duration(0)},
		"longpolling_connection_ttl 30":          {func(l site.Location) any { return l.PollTTL }, 30 * time.Second, time.Duration(0)},
		"websocket_allow_publish on":             {func(l site.Location) any { return l.AllowPublish }, true, false},
		"last_received_message_time \"\"":        {func(l site.Location) any { return l.Time }, site.ValueOf(""), site.Value{}},
		"last_received_message_tag $arg_tag":     {func(l site.Location) any { return l.Tag }, site.ValueOf("$arg_tag"), site.Value{}},
		"last_event_id ${http_x}y":               {func(l site.Location) any { return l.EventID }, site.ValueOf("${http_x}y"), site.Value{}},
		"user_agent $cookie_ua":                  {func(l site.Location) any { return l.UserAgent }, site.ValueOf("$cookie_ua"), site.Value{}},
		"allowed_origins \"*\"":                  {func(l site.Location) any { return l.AllowOrigin }, site.ValueOf("*"), site.Value{}},
		"allow_connections_to_events_channel on": {func(l site.Location) any { return l.AllowEvents }, true, false},
		`padding_by_user_agent "[T|t]est 1,1024,508:a,b,4097,0"`: {
			func(l site.Location) any { return fmt.Sprint(l.Padding) }, "[{[T|t]est 1 1024 508} {a,b 4097 0}]", "[]",
		},
	} {
		if got := test.got(subscriber(t, prefix+directive+";")); got != test.want {
			t.Errorf("%s: got %v, want %v", directive, got, test.want)
		}
		if got := test.got(subscriber(t, "")); got != test.def {
			t.Errorf("default of %s: got %v, want %v", directive, got, test.def)
		}
		// The same from the levels above, also after the block that it goes for.
		for _, level := range []string{
			"http { %s push_stream_shared_memory_size 10m; server { location / { push_stream_subscriber; push_stream_channels_path $arg_id; } } }",
			"http { push_stream_shared_memory_size 10m; server { location / { push_stream_subscriber; push_stream_channels_path $arg_id; } %s } }",
			"http { push_stream_shared_memory_size 10m; server { location / { push_stream_subscriber; push_stream_channels_path $arg_id; } } %s }",
		} {
			st, _ := loadNginx(t, fmt.Sprintf(level, prefix+directive+";"))
			if got := test.got(st.Servers[0].Locations[0]); got != test.want {
				t.Errorf("%s inherited: got %v, want %v", directive, got, test.want)
			}
		}
	}
	st, _ := loadNginx(t, "http { push_stream_wildcard_channel_prefix b; push_stream_shared_memory_size 1m; server { location / { push_stream_subscriber; push_stream_channels_path x; push_stream_wildcard_channel_max_qtd 3; } location /b { push_stream_subscriber; push_stream_channels_path x; } } push_stream_max_number_of_wildcard_channels 9; }")
	if a, b := st.Servers[0].Locations[0].WildcardMax, st.Servers[0].Locations[1].WildcardMax; a != 3 || b != 9 {
		t.Errorf("wildcard_channel_max_qtd: got %d and %d, want 3 and 9", a, b)
	}
	if l := subscriber(t, "push_stream_subscriber_connection_ttl 7s;"); l.PollTTL != 7*time.Second {
		t.Errorf("ttl of polls: got %s, want that of subscribers", l.PollTTL)
	}
	if l := subscriber(t, ""); !l.Module || l.Wildcards || l.HeaderCursor || l.ContentType != "text/plain" || l.MaxBody != 1<<20 {
		t.Errorf("got %+v", l)
	}
}

func TestModes(t *testing.T) {
	for directive, want := range map[string]site.Mode{
		"push_stream_publisher": site.ModePublisher, "push_stream_publisher normal": site.ModePublisher, "push_stream_publisher ADMIN": site.ModeAdmin,
		"push_stream_channels_statistics": site.ModeStatistics, "push_stream_subscriber": site.ModeStream, "push_stream_subscriber streaming": site.ModeStream,
		"push_stream_subscriber polling": site.ModePoll, "push_stream_subscriber LONG-Polling": site.ModeLongPoll,
		"push_stream_subscriber eventsource": site.ModeEventSource, "push_stream_subscriber websocket": site.ModeWebSocket,
		"push_stream_subscriber; push_stream_channels_statistics": site.ModeStatistics,
	} {
		st, _ := loadNginx(t, inLocation(directive+";"))
		if got := st.Servers[0].Locations[0].Mode; got != want {
			t.Errorf("%s: got %s, want %s", directive, got, want)
		}
	}
}

func TestHeaderFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "header.html")
	if err := os.WriteFile(file, []byte("<p>\xff\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := subscriber(t, "push_stream_header_template_file "+file+";").Header; got != "<p>\xff\r\n" {
		t.Errorf("got %q", got)
	}
	// Different levels override each other.
	for content, want := range map[string]string{
		"http { push_stream_shared_memory_size 1m; push_stream_header_template up; server { push_stream_header_template_file %s; location / { push_stream_subscriber; push_stream_channels_path x; } } }":   "<p>\xff\r\n",
		"http { push_stream_shared_memory_size 1m; push_stream_header_template_file %s; server { location / { push_stream_subscriber; push_stream_channels_path x; push_stream_header_template down; } } }": "down",
	} {
		st, _ := loadNginx(t, fmt.Sprintf(content, file))
		if got := st.Servers[0].Locations[0].Header; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What the module and nginx say (protocol 2.4 and the items of 13).
func TestValidation(t *testing.T) {
	const module = "push stream module: "
	in := func(handler, directives string) string { return inLocation(handler + "\n" + directives) }
	whole := func(directives string) string {
		return "http { push_stream_shared_memory_size 10m;\n" + directives + "\nserver { location / { push_stream_subscriber; push_stream_channels_path $arg_id; } } }"
	}
	const sub, pub = "push_stream_subscriber;", "push_stream_publisher;"
	modes := ", accepted values (streaming, polling, long-polling, eventsource, websocket)"
	for name, test := range map[string]struct{ content, want string }{
		"162 header template, then file": {in(sub, "push_stream_header_template a;\npush_stream_header_template_file b;"), `"push_stream_header_template_file" directive is duplicate or template set by 'push_stream_header_template' in FILE:7`},
		"163 header file, then template": {in(sub, "push_stream_header_template_file testdata/founding.conf;\npush_stream_header_template a;"), `"push_stream_header_template" directive is duplicate in FILE:7`},
		"166 no header file":             {in(sub, "push_stream_header_template_file /unexistent;"), module + `unable to open file "/unexistent" for header template in FILE:6`},
		"header file twice":              {in(sub, "push_stream_header_template_file testdata/founding.conf; push_stream_header_template_file a;"), `"push_stream_header_template_file" directive is duplicate or template set by`},
		"236 no ping interval":           {in(sub, "push_stream_ping_message_interval 0;"), module + "push_stream_ping_message_interval cannot be zero. in FILE:6"},
		"237 blank template":             {in(sub, `push_stream_message_template "";`), module + "push_stream_message_template cannot be blank. in FILE:6"},
		"237 of a publisher":             {in(pub, `push_stream_message_template "";`), module + "push_stream_message_template cannot be blank."},
		"238 no subscriber ttl":          {in(sub, "push_stream_subscriber_connection_ttl 0;"), module + "push_stream_subscriber_connection_ttl cannot be zero. in FILE:6"},
		"239 no long poll ttl":           {in(sub, "push_stream_longpolling_connection_ttl 0;"), module + "push_stream_longpolling_connection_ttl cannot be zero. in FILE:6"},
		"240 no id length":               {whole("push_stream_max_channel_id_length 0;"), module + "push_stream_max_channel_id_length cannot be zero. in FILE:2"},
		"241 no message ttl":             {whole("push_stream_message_ttl 0;"), module + "push_stream_message_ttl cannot be zero. in FILE:2"},
		"242 no subscribers":             {whole("push_stream_max_subscribers_per_channel 0;"), module + "push_stream_max_subscribers_per_channel cannot be zero."},
		"243 no messages":                {whole("push_stream_max_messages_stored_per_channel 0;"), module + "push_stream_max_messages_stored_per_channel cannot be zero."},
		"244 no channels":                {whole("push_stream_max_number_of_channels 0;"), module + "push_stream_max_number_of_channels cannot be zero."},
		"245 no wildcard channels":       {whole("push_stream_max_number_of_wildcard_channels 0;"), module + "push_stream_max_number_of_wildcard_channels cannot be zero."},
		"246 no wildcard max":            {in(sub, "push_stream_wildcard_channel_max_qtd 0;"), module + "push_stream_wildcard_channel_max_qtd cannot be zero. in FILE:6"},
		"247 wildcard max, no prefix":    {in(sub, "push_stream_wildcard_channel_max_qtd 1;"), module + "cannot set wildcard channel max qtd if push_stream_wildcard_channel_prefix is not set or blank. in FILE:6"},
		"247 by the number of channels":  {whole("push_stream_max_number_of_wildcard_channels 3;"), module + "cannot set wildcard channel max qtd if push_stream_wildcard_channel_prefix is not set or blank. in FILE:2"},
		"248 fewer wildcard channels":    {"http { push_stream_shared_memory_size 1m; push_stream_wildcard_channel_prefix b; push_stream_max_number_of_wildcard_channels 2; server { location / { push_stream_subscriber; push_stream_channels_path x;\npush_stream_wildcard_channel_max_qtd 3; } } }", module + "max number of wildcard channels cannot be smaller than value in push_stream_wildcard_channel_max_qtd. in FILE:2"},
		"250 subscriber mode":            {in("push_stream_subscriber unknown;", ""), module + "invalid push_stream_subscriber mode value: unknown" + modes + " in FILE:5"},
		"252 publisher mode":             {in("push_stream_publisher unknown;", ""), module + "invalid push_stream_publisher mode value: unknown, accepted values (normal, admin) in FILE:5"},
		"254 padding":                    {in(sub, `push_stream_padding_by_user_agent "user_agent,as,df";`), module + "padding pattern not match the value user_agent,as,df in FILE:6"},
		"254 padding of other signs":     {in(sub, `push_stream_padding_by_user_agent "user_agent;10;0";`), module + "padding pattern not match the value user_agent;10;0"},
		"254 later group":                {in(sub, `push_stream_padding_by_user_agent "user_agent,10,0:other_user_agent;20;0";`), module + "error applying padding pattern to other_user_agent;20;0 in FILE:6"},
		"254 what follows":               {in(sub, `push_stream_padding_by_user_agent "user_agent,10,0:other_user_agent;20;0";`), module + "unable to parse paddings by user agent in FILE:6"},
		"254 expression (Q28)":           {in(sub, `push_stream_padding_by_user_agent "(,1,2";`), module + `invalid regular expression "("`},
		"255 no memory":                  {"http { server { location / { push_stream_publisher; push_stream_channels_path x; } } }", module + "push_stream_shared_memory_size must be set. in FILE:1"},
		"256 little memory":              {"http { push_stream_shared_memory_size 127k; }", "The push_stream_shared_memory_size value must be at least 128KiB in FILE:1"},
		"256 memory that is no size":     {"http { push_stream_shared_memory_size 1g; }", "The push_stream_shared_memory_size value must be at least 128KiB"},
		"257 no path of a subscriber":    {"http { push_stream_shared_memory_size 1m; server {\nlocation / {\npush_stream_subscriber; } } }", module + "push_stream_channels_path must be set. in FILE:2"},
		"257 no path of a publisher":     {"http { push_stream_shared_memory_size 1m; server {\nlocation / {\npush_stream_publisher; } } }", module + "push_stream_channels_path must be set. in FILE:2"},
		"no path of statistics":          {"http { push_stream_shared_memory_size 1m; server { location / { push_stream_channels_statistics; } } }", module + "push_stream_channels_path must be set."},
		"two subscribers":                {in(sub, sub), `"push_stream_subscriber" directive is duplicate in FILE:6`},
		"two publishers":                 {in(pub, pub), `"push_stream_publisher" directive is duplicate`},
		"publisher after subscriber":     {in(sub, pub), `"push_stream_publisher" directive is duplicate`},
		"publisher after statistics":     {in("push_stream_channels_statistics;", pub), `"push_stream_publisher" directive is duplicate`},
		"setting twice":                  {in(sub, "push_stream_store_messages on; push_stream_store_messages on;"), `"push_stream_store_messages" directive is duplicate in FILE:6`},
		"only in http":                   {in(sub, "push_stream_timeout_with_body on;"), `"push_stream_timeout_with_body" directive is not allowed here in FILE:6`},
		"not in if":                      {in(sub, "if ($arg_a) {\npush_stream_footer_template x; }"), `"push_stream_footer_template" directive is not allowed here in FILE:7`},
		"not in an if of the server":     {"http { server { if ($arg_a) { push_stream_store_messages on; } } }", `"push_stream_store_messages" directive is not allowed here`},
		"handler in the server":          {"http { server { push_stream_publisher; } }", `"push_stream_publisher" directive is not allowed here`},
		"handler in main":                {"push_stream_publisher;", `"push_stream_publisher" directive is not allowed here in FILE:1`},
		"too many arguments":             {in(sub, "push_stream_footer_template a b;"), `invalid number of arguments in "push_stream_footer_template" directive in FILE:6`},
		"no argument":                    {in(sub, "push_stream_footer_template;"), `invalid number of arguments in "push_stream_footer_template" directive`},
		"neither on nor off":             {in(sub, "push_stream_store_messages maybe;"), `invalid value "maybe" in "push_stream_store_messages" directive, it must be "on" or "off" in FILE:6`},
		"no number":                      {whole("push_stream_max_number_of_channels many;"), `"push_stream_max_number_of_channels" directive invalid number in FILE:2`},
		"negative number":                {whole("push_stream_max_number_of_channels -1;"), `"push_stream_max_number_of_channels" directive invalid number`},
		"empty number":                   {whole(`push_stream_max_number_of_channels "";`), `"push_stream_max_number_of_channels" directive invalid number`},
		"no time":                        {whole("push_stream_message_ttl soon;"), `"push_stream_message_ttl" directive invalid value in FILE:2`},
		"milliseconds of seconds":        {whole("push_stream_message_ttl 500ms;"), `"push_stream_message_ttl" directive invalid value`},
		"unknown variable":               {in(sub, "push_stream_last_event_id $nothing;"), `unknown "nothing" variable in FILE:6`},
		"unknown variable in if":         {in(sub, "if ($nothing) { }"), `unknown "nothing" variable in FILE:6`},
		"no variable":                    {in(sub, "push_stream_last_event_id a$;"), `invalid variable name in FILE:6`},
		"open bracket":                   {in(sub, `push_stream_last_event_id "${arg_a";`), `the closing bracket in "arg_a" variable is missing in FILE:6`},
		"unsupported variable":           {in(sub, "push_stream_last_event_id $request_id;"), `variable "$request_id" is not supported in FILE:6`},
		"variable of a map":              {"http { push_stream_shared_memory_size 1m;\nmap $arg_a $b { x y; }\nserver { location / { push_stream_subscriber; push_stream_channels_path $b; } } }", `variable "$b" is set by map at FILE:2, which is not supported in FILE:3`},
		"escaping that there is not":     {in(sub, "push_stream_message_template ~text:jsno~;"), `unknown escaping "jsno"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeNginx(t, test.content, nil)
			_, _, err := conf.LoadNginx(path)
			want := strings.ReplaceAll(test.want, "FILE", path)
			if err == nil || !strings.Contains(err.Error()+"\n", want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestWhatIsNotRefused(t *testing.T) {
	for name, content := range map[string]string{
		"249 no http":                    "events {}",
		"values without a handler":       "http { push_stream_message_ttl 0; push_stream_ping_message_interval 0; push_stream_max_number_of_channels 0; server { location / { push_stream_message_template ''; } } }",
		"blank template of eventsource":  inLocation(`push_stream_subscriber eventsource; push_stream_message_template "";`),
		"statistics after subscriber":    inLocation("push_stream_subscriber; push_stream_channels_statistics;"),
		"wildcards with their prefix":    "http { push_stream_wildcard_channel_prefix b; push_stream_max_number_of_wildcard_channels 3; push_stream_shared_memory_size 1m; server { location / { push_stream_subscriber; push_stream_channels_path x; push_stream_wildcard_channel_max_qtd 3; } } }",
		"no padding":                     inLocation(`push_stream_subscriber; push_stream_padding_by_user_agent "";`),
		"locations inside":               inLocation("push_stream_subscriber; location /sub/a { } location ~ x { push_stream_publisher; push_stream_store_messages on; }"),
		"directives of other directives": inLocation("push_stream_subscriber; proxy_set_header a b; auth_basic off; limit_rate 0; allow all; fastcgi_param a b;"),
	} {
		t.Run(name, func(t *testing.T) { loadNginx(t, content) })
	}
	_, report := loadNginx(t, "events {}")
	if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "ngx_http_push_stream_module will not be used with this configuration.") {
		t.Errorf("got %v", report.Warnings)
	}
}

func TestAllProblemsOfAFile(t *testing.T) {
	_, _, err := conf.LoadNginx(writeNginx(t, inLocation("push_stream_subscriber x; a b;\npush_stream_ping_message_interval 0; if (x) {}\nproxy_pass http://y;")+"http {}", nil))
	e, ok := err.(*conf.Error) //nolint:errorlint // it is not wrapped
	if !ok || len(e.Problems) != 6 {
		t.Errorf("got %v, want six problems", err)
	}
}

func TestTimesAndSizes(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"30": 30 * time.Second, "30s": 30 * time.Second, "1h30m": 90 * time.Minute, `"1h 30m"`: 90 * time.Minute, "1M": 720 * time.Hour, "1w2d": 216 * time.Hour,
		"1m30": 90 * time.Second, "1y": 365 * 24 * time.Hour, "0": 0, "500ms": 500 * time.Millisecond, "1s500ms": 1500 * time.Millisecond, `"30 "`: 30 * time.Second,
	} {
		st, _ := loadNginx(t, "http { client_body_timeout "+s+"; server {} }")
		if got := st.Servers[0].BodyTimeout; got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
	for _, s := range []string{`""`, "m", "-1", "1x", "1m1h", "1s1s", "1.5s", "30 s", "1ms1s", `" "`, "99999999999999999999", "9999999999999w", "11y"} {
		if _, _, err := conf.LoadNginx(writeNginx(t, "http { client_body_timeout "+s+"; }", nil)); err == nil {
			t.Errorf("%s: taken", s)
		}
	}
	for s, want := range map[string]int64{"0": 0, "10": 10, "10k": 10 << 10, "10M": 10 << 20, "1g": 1 << 30} {
		if got := subscriber(t, "client_max_body_size "+s+";").MaxBody; got != want {
			t.Errorf("%s: got %d, want %d", s, got, want)
		}
	}
	for _, s := range []string{`""`, "k", "-1", "1.5m", "10t", "9999999999g"} {
		if _, _, err := conf.LoadNginx(writeNginx(t, "http { client_max_body_size "+s+"; }", nil)); err == nil || !strings.Contains(err.Error(), `"client_max_body_size" directive invalid value`) {
			t.Errorf("%s: got %v", s, err)
		}
	}
}

func TestVariablesOfTexts(t *testing.T) {
	got, err := site.Expand(`a$1b${arg_x}$2$uri-$uri`, func(name string) string { return "<" + name + ">" })
	if want := "a<1>b<arg_x><2><uri>-<uri>"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	names, err := site.Variables("$12 $a_B9.")
	if err != nil || !reflect.DeepEqual(names, []string{"1", "a_B9"}) {
		t.Errorf("got %v, %v", names, err)
	}
	for _, s := range []string{"$", "$-", "${}", "${a", "$ü"} {
		if _, err := site.Variables(s); err == nil {
			t.Errorf("%s: taken", s)
		}
	}
}
