package demo

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// object is JSON whose keys are written in their order.
type object = map[string]any

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil { // it is made of strings and numbers
		panic("demo: " + err.Error())
	}
	return text
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func generatorURL(a *alert) string {
	return "https://prometheus.example/graph?g0.expr=" + url.QueryEscape(a.rule.expr) + "&g0.tab=1"
}

// webhook is the body of Alertmanager's webhook: the whole group.
func webhook(g *group, firing, ended []*alert) []byte {
	var list []object
	for _, a := range firing {
		list = append(list, object{
			"status": "firing", "labels": a.labels, "annotations": a.annotations,
			"startsAt": stamp(a.startsAt), "endsAt": "0001-01-01T00:00:00Z",
			"generatorURL": generatorURL(a), "fingerprint": a.fingerprint,
		})
	}
	for _, a := range ended {
		list = append(list, object{
			"status": "resolved", "labels": a.labels, "annotations": a.annotations,
			"startsAt": stamp(a.startsAt), "endsAt": stamp(a.endsAt),
			"generatorURL": generatorURL(a), "fingerprint": a.fingerprint,
		})
	}
	status := "firing"
	if len(firing) == 0 {
		status = "resolved"
	}
	return encode(object{
		"version": "4", "receiver": "relay", "status": status, "alerts": list,
		"groupKey": g.key, "groupLabels": g.labels, "commonLabels": g.labels, "commonAnnotations": object{},
		"externalURL": "https://alertmanager-" + g.source + ".example", "truncatedAlerts": 0,
	})
}

// posted is what Prometheus posts to an Alertmanager.
func posted(list []*alert, now time.Time) []byte {
	var out []object
	for _, a := range list {
		ends := now.Add(4 * resendDelay)
		if !a.endsAt.IsZero() {
			ends = now
		}
		out = append(out, object{
			"labels": a.labels, "annotations": a.annotations,
			"startsAt": stamp(a.startsAt), "endsAt": stamp(ends), "generatorURL": generatorURL(a),
		})
	}
	return encode(out)
}

// pairs are labels as the event recorder writes them.
func pairs(m map[string]string) object {
	var list []object
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, object{"key": k, "value": m[k]})
	}
	return object{"labels": list}
}

// decimal is a fingerprint as the event recorder writes it.
func decimal(fingerprint string) string {
	n, err := strconv.ParseUint(fingerprint, 16, 64)
	if err != nil {
		panic(fmt.Sprintf("demo: fingerprint %q", fingerprint)) // alerts.Fingerprint made it
	}
	return strconv.FormatUint(n, 10)
}

// recorderMuted is the event recorder's event of an alert that is kept back.
func recorderMuted(a *alert, at time.Time) []byte {
	muted := object{"fingerprint": decimal(a.fingerprint), "labels": pairs(a.labels)}
	data := object{"silenceMutedAlert": object{
		"silence": object{
			"id": a.muted.id, "createdBy": a.muted.by, "comment": a.muted.comment, "endsAt": stamp(a.muted.until),
		},
		"mutedAlert": muted,
	}}
	if root := a.muted.inhibitor; root != nil {
		data = object{"inhibitionMutedAlert": object{
			"mutedAlert": muted, "inhibitingFingerprints": []string{decimal(root.fingerprint)},
		}}
	}
	return encode(object{"@timestamp": stamp(at), "instance": "alertmanager-am", "data": data})
}

// recorderResolved is the event recorder's event of an alert that is over.
func recorderResolved(a *alert, at time.Time) []byte {
	return encode(object{"@timestamp": stamp(at), "instance": "alertmanager-am", "data": object{
		"alertResolved": object{
			"alert": object{"details": object{
				"fingerprint": decimal(a.fingerprint), "name": a.rule.name, "labels": pairs(a.labels), "annotations": pairs(a.annotations),
				"startsAt": stamp(a.startsAt), "endsAt": stamp(a.endsAt), "resolved": true,
			}},
			"groupInfo": object{"groupKey": a.group.key, "receiverName": "relay"},
		},
	}})
}

// acknowledgement is the body of what the board posts.
func acknowledgement(by, comment string) []byte {
	return encode(object{"by": by, "comment": comment})
}
