// Command follow prints the messages of channels, and goes on where it stood when
// a connection ends:
//
//	go run ./examples/go/follow ops 'db.>'
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"alertrelay/relay/client"
)

func main() {
	server := flag.String("relay", "http://127.0.0.1:8080", "the relay's `URL`")
	transport := flag.String("transport", string(client.SSE), "`sse`, ws, lp, stream or poll")
	last := flag.Int("last", 5, "begin with the last `N` messages of each channel")
	flag.Parse()
	channels := flag.Args()
	if len(channels) == 0 {
		channels = []string{"ops"}
	}

	relay, err := client.New(*server)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	// Subscribe returns when ctx ends, when the function returns an error, or when
	// the relay refuses for good. Everything else it gets over by itself.
	err = relay.Subscribe(ctx, client.SubscribeOptions{
		Channels:  channels,
		Transport: client.Transport(*transport),
		Last:      *last,
		Notify:    notice,
	}, func(m client.Message) error {
		fmt.Printf("%s %s #%d %s\n", m.Time.Local().Format(time.TimeOnly), m.Channel, m.ID, m.Text)
		return nil
	})
	relay.Close()
	if err != nil {
		log.Fatal(err)
	}
}

// notice tells what happens besides messages.
func notice(n client.Notice) {
	switch n.Kind {
	case client.Connected:
		log.Print("connected")
	case client.Disconnected:
		log.Printf("%v; trying again in %s", n.Err, n.Delay)
	case client.Gap:
		log.Print("messages are missing here: the relay does not keep them any more")
	case client.Deleted:
		log.Printf("channel %s was deleted", n.Channel)
	}
}
