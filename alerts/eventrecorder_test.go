package alerts_test

import (
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
)

func TestEventRecorderPayloads(t *testing.T) {
	goldenBatches(t, "eventrecorder", 9, func(_ string, body []byte) (alerts.Batch, error) {
		return alerts.DecodeEventRecorder("am", nil, body)
	})
}

// recorded is an event with the data.
func recorded(data string) string {
	return `{"@timestamp":"2026-11-22T07:00:00Z","instance":"vm","data":{` + data + `}}`
}

const (
	mutedBySilence    = `"silenceMutedAlert":{"silence":{"id":"s1","createdBy":"ops","comment":"c","endsAt":"2026-11-22T08:00:00Z"},"mutedAlert":{"fingerprint":"1"}}`
	mutedByInhibition = `"inhibitionMutedAlert":{"mutedAlert":{"fingerprint":"2"},"inhibitingFingerprints":["16205592421437798791","3"]}`
	resolvedMuted     = `"alertResolved":{"alert":{"hash":"9","details":{"fingerprint":"3","labels":{"labels":[{"key":"a","value":"b"},{"key":"c","value":""}]},"endsAt":"2026-11-22T06:59:00Z"}}}`
)

func TestEventRecorderRefused(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"nothing", "", "body: invalid JSON at byte 0"},
		{"no JSON", "alert=1", "body: invalid JSON at byte 1"},
		{"cut off", `[` + recorded(mutedBySilence), "body: invalid JSON at byte"},
		{"a string", `"x"`, "body: a string where an object belongs, at byte 3"},
		{"two values", recorded("") + recorded(""), "body: more than one JSON value"},
		{"no UTF-8", "[\"\xff\"]", "body: invalid UTF-8 at byte 3"},
		{"a notification", body(plainAlert), "body.data: is missing; this address takes Alertmanager's events, and /in/alertmanager/{source} its notifications"},
		{"null", `[null]`, "[0].data: is missing"},
		{"no time", `{"data":{}}`, "body.@timestamp: is missing, before byte 11"},
		{"bad time", `{"@timestamp":"12345","data":{}}`, "body.@timestamp: must be a time"},
		{"kind a string", recorded(`"alertResolved":"x"`), "body.data.alertResolved: a string where an object belongs"},
		{"second event", `[` + recorded("") + `,{}]`, "[1].data: is missing; this address takes Alertmanager's events, and /in/alertmanager/{source} its notifications, before byte 67"},
		{"resolved without details", recorded(`"alertResolved":{"alert":{"hash":"1"}}`), "body.data.alertResolved.alert.details: is missing"},
		{"muted without anything", recorded(`"silenceMutedAlert":{}`), "body.data.silenceMutedAlert.mutedAlert.labels: are missing"},
		{"fingerprint in hex", recorded(`"inhibitionMutedAlert":{"mutedAlert":{"fingerprint":"8d0e226520eec7b4"}}`), "body.data.inhibitionMutedAlert.mutedAlert.fingerprint: must be a whole number of 64 bits, in decimal"},
		{"fingerprint of 65 bits", recorded(`"inhibitionMutedAlert":{"mutedAlert":{"fingerprint":"18446744073709551616"}}`), "body.data.inhibitionMutedAlert.mutedAlert.fingerprint: must be"},
		{"negative fingerprint", recorded(`"inhibitionMutedAlert":{"mutedAlert":{"fingerprint":-1}}`), "body.data.inhibitionMutedAlert.mutedAlert.fingerprint: must be"},
		{"bad inhibiting fingerprint", recorded(`"inhibitionMutedAlert":{"mutedAlert":{"fingerprint":"1"},"inhibitingFingerprints":["x12345"]}`), "body.data.inhibitionMutedAlert.inhibitingFingerprints[0]: must be"},
		{"bad end of a silence", recorded(`"silenceMutedAlert":{"silence":{"endsAt":"12345"}}`), "body.data.silenceMutedAlert.silence.endsAt: must be a time"},
		{"long comment", recorded(`"silenceMutedAlert":{"silence":{"comment":"` + strings.Repeat("x", 1<<16+1) + `"}}`), "body.data.silenceMutedAlert.silence: a field is longer than 65536 bytes"},
		{"nameless label", recorded(`"alertResolved":{"alert":{"details":{"labels":{"labels":[{"value":"12345"}]}}}}`), "body.data.alertResolved.alert.details.labels: a name is empty"},
		{"bad start", recorded(`"alertResolved":{"alert":{"details":{"fingerprint":"1","startsAt":"12345"}}}`), "body.data.alertResolved.alert.details.startsAt: must be a time"},
		{"bad end", recorded(`"alertResolved":{"alert":{"details":{"fingerprint":"1","endsAt":"12345"}}}`), "body.data.alertResolved.alert.details.endsAt: must be a time"},
		{"long group key", recorded(`"alertResolved":{"alert":{"details":{"fingerprint":"1"}},"groupInfo":{"groupKey":"` + strings.Repeat("x", 1<<16+1) + `"}}`), "body.data.alertResolved.groupInfo: a field is longer"},
		{"bad repeat interval", recorded(`"notification":{"repeatInterval":"12345"}`), "body.data.notification.repeatInterval: must be a duration"},
		{"long repeat interval", recorded(`"notification":{"repeatInterval":"315576000000s"}`), "body.data.notification.repeatInterval: must be a duration"},
		{"negative repeat interval", recorded(`"notification":{"repeatInterval":"-1s"}`), "body.data.notification.repeatInterval: must be a duration"},
		{"too many", "[" + strings.Repeat(recorded("")+",", 50_000) + recorded("") + "]", "alerts: there are more than 50000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			batch, err := alerts.DecodeEventRecorder("am", nil, []byte(tt.body))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || len(batch.Alerts) > 0 {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "12345") {
				t.Errorf("%v quotes the alert", err)
			}
		})
	}
}

func TestEventRecorderOrderAndKinds(t *testing.T) {
	batch, err := alerts.DecodeEventRecorder("am", nil, []byte(" [\n"+strings.Join([]string{
		recorded(mutedBySilence),
		recorded(`"somethingNew":{"alert":5}`),
		recorded(mutedByInhibition),
		recorded(`"silenceUpdated":{"silence":{}}`),
		recorded(resolvedMuted),
		recorded(`"notification":{"repeatInterval":"300s","integration":{"name":"webhook"}}`),
		recorded(`"notification":{"repeatInterval":"14400s","integration":{"name":"pagerduty"}}`),
		recorded(`"notification":{"repeatInterval":"60.500s"}`),
		recorded(``),
	}, ",\n")+"]"))
	must(t, err)
	if len(batch.Alerts) != 3 || batch.RepeatInterval != 5*time.Minute || batch.Source != "am" || batch.WholeGroup {
		t.Fatalf("got %+v", batch)
	}
	silenced, inhibited, resolved := batch.Alerts[0], batch.Alerts[1], batch.Alerts[2]
	if silenced.Status != alerts.Suppressed || silenced.Fingerprint != "0000000000000001" || silenced.Labels != nil ||
		*silenced.Suppression != (alerts.Suppression{Kind: "silence", ID: "s1", By: "ops", Comment: "c", Until: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}) {
		t.Errorf("got %+v %+v", silenced, silenced.Suppression)
	}
	if inhibited.Status != alerts.Suppressed || *inhibited.Suppression != (alerts.Suppression{Kind: "inhibition", ID: "e0e5d472468ff987"}) {
		t.Errorf("got %+v %+v", inhibited, inhibited.Suppression)
	}
	if resolved.Status != alerts.Resolved || resolved.Reason != "event recorder" || len(resolved.Labels) != 1 || resolved.EndsAt.IsZero() {
		t.Errorf("got %+v", resolved)
	}
	for _, a := range batch.Alerts {
		if got := moment(a.ReportedAt); got != "2026-11-22T07:00:00Z" {
			t.Errorf("reported at %s", got)
		}
	}
}

func FuzzDecodeEventRecorder(f *testing.F) {
	addPayloads(f, "eventrecorder", recorded(mutedBySilence), "["+recorded(mutedByInhibition)+","+recorded(resolvedMuted)+"]",
		recorded(`"notification":{"repeatInterval":"60s"}`), recorded(`"alertResolved":{"alert":{"details":{"fingerprint":null,"labels":{"labels":[{"key":"a","value":""}]}}}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		batch, err := alerts.DecodeEventRecorder("am", nil, in)
		checkBatch(t, &batch, err)
	})
}
