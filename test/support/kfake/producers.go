package main

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// What kfake keeps of one producer in one partition, to know a batch that comes again: the last five, the oldest first.
type window struct {
	Producer  int64    `json:"pid"`
	Topic     string   `json:"topic"`
	Partition int      `json:"partition"`
	Batches   [5]batch `json:"entries"`
	Count     int      `json:"count"`
	At        int      `json:"at"`
	Epoch     int16    `json:"epoch"`
	Seen      bool     `json:"seen"`
	Next      int32    `json:"next_seq"`
}

type batch struct {
	First  int32 `json:"first_seq"`
	Next   int32 `json:"next_seq"`
	Offset int64 `json:"offset"`
}

// What a RecordBatch begins with.
const headerBytes = 61

// rememberProducers reads from the logs what each producer has written last, as Kafka does after a crash. kfake itself writes
// that down only when it is shut down in order: after SIGKILL it would take for new whatever is sent again.
func rememberProducers(data string) error {
	folders, err := filepath.Glob(filepath.Join(data, "partitions", "*"))
	if err != nil || len(folders) == 0 {
		return err
	}
	windows := []*window{}
	for _, folder := range folders {
		found, err := windowsOf(folder)
		if err != nil {
			return err
		}
		windows = append(windows, found...)
	}
	text, err := json.Marshal(map[string]any{"version": 1, "windows": windows})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(data, "seq_windows.json"), text, 0o644)
}

// folder is that of a partition, <topic>-<number>; its segments are named after their first offset.
func windowsOf(folder string) ([]*window, error) {
	name := filepath.Base(folder)
	dash := strings.LastIndexByte(name, '-')
	topic, err := url.PathUnescape(name[:dash])
	if err != nil {
		return nil, err
	}
	partition, err := strconv.Atoi(name[dash+1:])
	if err != nil {
		return nil, err
	}
	segments, err := filepath.Glob(filepath.Join(folder, "*.dat"))
	if err != nil {
		return nil, err
	}
	sort.Slice(segments, func(a, b int) bool { // shorter numbers are smaller
		return len(segments[a]) < len(segments[b]) || len(segments[a]) == len(segments[b]) && segments[a] < segments[b]
	})
	producers := map[int64]*window{}
	for _, segment := range segments {
		raw, err := os.ReadFile(segment)
		if err != nil {
			return nil, err
		}
		eachBatch(raw, func(header []byte) {
			producer := int64(binary.BigEndian.Uint64(header[43:]))
			if producer < 0 {
				return
			}
			if producers[producer] == nil {
				producers[producer] = &window{Producer: producer, Topic: topic, Partition: partition}
			}
			producers[producer].add(header)
		})
	}
	found := []*window{}
	for _, one := range producers {
		found = append(found, one)
	}
	return found, nil
}

// The last one may have been cut off by the crash.
func eachBatch(raw []byte, act func(header []byte)) {
	for len(raw) >= headerBytes {
		size := 12 + int(binary.BigEndian.Uint32(raw[8:]))
		if size > len(raw) {
			return
		}
		act(raw[:headerBytes])
		raw = raw[size:]
	}
}

func (w *window) add(header []byte) {
	epoch := int16(binary.BigEndian.Uint16(header[51:]))
	first := int32(binary.BigEndian.Uint32(header[53:]))
	records := int64(binary.BigEndian.Uint32(header[57:]))
	if epoch != w.Epoch {
		w.Count = 0
	}
	if w.Count == len(w.Batches) {
		copy(w.Batches[:], w.Batches[1:])
		w.Count--
	}
	w.Epoch, w.Seen = epoch, true
	w.Next = int32((int64(first) + records) % math.MaxInt32)
	w.Batches[w.Count] = batch{first, w.Next, int64(binary.BigEndian.Uint64(header))}
	w.Count++
	w.At = w.Count % len(w.Batches)
}
