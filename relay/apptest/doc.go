// Package apptest is for tests of whole relays that have to do with alerts: it posts
// them as senders do, runs a real Alertmanager that posts them, and reads what the
// relay then tells. The relays are package relaytest's, and so are the ways to fail:
// what goes wrong fails the test, and waiting is for a condition.
//
//	r := relaytest.Start(t, apptest.Settings(t, "sources: {am: {repeat_interval: 6s}}"))
//	am := apptest.StartAlertmanager(t, r)
//	am.Add(t, time.Time{}, "DiskFull", "team=db")
//	e := apptest.Becomes(t, r, "DiskFull", alerts.Firing)
//	apptest.WasTold(t, r.URL, "db.>", "DiskFull firing")
//
// # Files
//
//   - sender: configurations of senders, and bodies of theirs that were captured
//   - alertmanager: a real one
//   - event: the events that channels have, and what is active
package apptest
