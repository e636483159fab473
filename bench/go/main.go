// Appends rows with pgx.CopyFrom, as many workers as connections; prints the microseconds each turn took, one a line of input.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

type event struct {
	id          int64
	name, email string
	score       float64
	created     time.Time
}

var columns = []string{"id", "name", "email", "score", "created"}

func main() {
	url, table := os.Args[1], os.Args[2]
	count, size, connections := number(os.Args[3]), number(os.Args[4]), number(os.Args[5])
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(url)
	check(err)
	config.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	check(err)
	events := make([]event, count)
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range events {
		events[i] = event{int64(i), fmt.Sprintf("user number %d", i), fmt.Sprintf("user.%d@example.org", i),
			float64(i) / 7, start.Add(time.Duration(i) * 997 * time.Millisecond)}
	}
	for turns := bufio.NewScanner(os.Stdin); turns.Scan(); {
		began := time.Now()
		batches := make(chan []event)
		var workers sync.WaitGroup
		for range connections {
			workers.Add(1)
			go func() {
				defer workers.Done()
				for batch := range batches {
					_, err := pool.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) {
						e := &batch[i]
						return []any{e.id, e.name, e.email, e.score, e.created}, nil
					}))
					check(err)
				}
			}()
		}
		for first := 0; first < count; first += size {
			batches <- events[first:min(first+size, count)]
		}
		close(batches)
		workers.Wait()
		fmt.Println(time.Since(began).Microseconds())
	}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
