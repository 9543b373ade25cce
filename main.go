// Command alertrelay relays alerts and messages to browsers and programs, over
// HTTP, WebSocket and NATS, and keeps them in JetStream.
package main

import (
	"context"
	"os"

	"alertrelay/relay/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), os.Args, cli.System()))
}
