// Writes rows into Redis by go-redis pipelines over four connections, as one would by hand in Go, and tells what it took.
// It lives through all turns and is asked for each by a line on standard input:
//
//	set|hset|xadd <rows> <batch>
//
// The answer is a line of JSON: seconds, and microseconds of CPU time of this process.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

const connections = 4
const name = "bench_redis"

type event struct {
	id      int
	name    string
	email   string
	score   float64
	created time.Time
}

func events(count int) []event {
	rows := make([]event, count)
	for id := range rows {
		rows[id] = event{
			id:      id,
			name:    fmt.Sprintf("event number %d", id),
			email:   fmt.Sprintf("user%d@example.org", id%1000),
			score:   float64(id%1000) / 7,
			created: time.UnixMilli(1_700_000_000_000 + int64(id)*1000).UTC(),
		}
	}
	return rows
}

type add func(ctx context.Context, pipe redis.Pipeliner, row *event)

func fields(row *event) []any {
	return []any{
		"id", row.id, "name", row.name, "email", row.email, "score", row.score,
		"created", row.created.Format("2006-01-02T15:04:05.000Z"),
	}
}

func key(row *event) string { return name + ":" + strconv.Itoa(row.id) }

var commands = map[string]add{
	"set": func(ctx context.Context, pipe redis.Pipeliner, row *event) {
		pipe.Set(ctx, key(row), row.email, 0)
	},
	"hset": func(ctx context.Context, pipe redis.Pipeliner, row *event) {
		pipe.HSet(ctx, key(row), fields(row)...)
	},
	"xadd": func(ctx context.Context, pipe redis.Pipeliner, row *event) {
		pipe.XAdd(ctx, &redis.XAddArgs{Stream: name, Values: fields(row)})
	},
}

// run lets each connection take the next batch until there is none.
func run(client *redis.Client, rows []event, size int, add add) error {
	ctx := context.Background()
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make(chan error, connections)
	for range connections {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				start := int(next.Add(int64(size))) - size
				if start >= len(rows) {
					return
				}
				pipe := client.Pipeline()
				for i := start; i < min(start+size, len(rows)); i++ {
					add(ctx, pipe, &rows[i])
				}
				if _, err := pipe.Exec(ctx); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	group.Wait()
	close(errs)
	return <-errs
}

func cpu() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return usage.Utime.Nano()/1000 + usage.Stime.Nano()/1000
}

func main() {
	options, err := redis.ParseURL(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	options.PoolSize = connections
	client := redis.NewClient(options)
	defer client.Close()
	var rows []event
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var command string
		var count, size int
		if _, err := fmt.Sscan(lines.Text(), &command, &count, &size); err != nil {
			log.Fatal(err)
		}
		if len(rows) != count {
			rows = events(count)
		}
		start, used := time.Now(), cpu()
		if err := run(client, rows, size, commands[command]); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("{\"seconds\":%f,\"cpu\":%d}\n", time.Since(start).Seconds(), cpu()-used)
	}
}
