// Command publish publishes a message over NATS, for programs that speak it
// already. The channel "ops" is the subject "alerts.ops":
//
//	go run ./examples/go/publish ops "disk is full"
//
// It is done when JetStream has stored the message. Publishing over HTTP needs no
// library: curl -d hello 'http://127.0.0.1:8080/pub?id=ops'.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	server := flag.String("nats", nats.DefaultURL, "the `URL` of the relay's NATS")
	eventID := flag.String("event-id", "", "an `ID` that subscribers can go on from")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: publish [flags] CHANNEL TEXT")
	}
	if err := publish(*server, flag.Arg(0), flag.Arg(1), *eventID); err != nil {
		log.Fatal(err)
	}
}

func publish(server, channel, text, eventID string) (err error) {
	conn, err := nats.Connect(server, nats.Name("alertrelay example"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Drain()) }()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}

	msg := nats.NewMsg("alerts." + channel)
	msg.Data = []byte(text)
	if eventID != "" {
		msg.Header.Set("Event-Id", eventID)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ack, err := js.PublishMsg(ctx, msg)
	if err != nil {
		return err
	}
	fmt.Printf("stored as message %d of stream %s\n", ack.Sequence, ack.Stream)
	return nil
}
