// kfake speaks Kafka's protocol for tests: a stand-in, not Kafka. Consumer groups, offsets and idempotent producers are
// there; replication, throttling and most of what an operator knows are not. What producers wrote last it would forget when it is
// killed; here it does not, see producers.go.
//
//	kfake -ports 9192,9193,9194 -control 9195 -data /tmp/kfake
//
// One broker listens on each port of 127.0.0.1; with -behind on those instead, and tells clients to come to those of -ports, where
// a proxy may be. What is in the folder of -data survives the process, SIGKILL included. A
// GET to http://127.0.0.1:<control>/leaders moves the leaders of all partitions, /coordinators those of all groups.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	ports := flag.String("ports", "9192", "one per broker, separated by commas")
	behind := flag.String("behind", "", "ports to listen on in their stead")
	control := flag.Int("control", 0, "port of the control page; 0: none")
	data := flag.String("data", "", "folder to keep the logs in; empty: in memory")
	flag.Parse()

	options := []kfake.Opt{
		kfake.Ports(numbers(*ports)...),
		kfake.ClusterID("kfake"),
		kfake.AllowAutoTopicCreation(),
		kfake.GroupMinSessionTimeout(100 * time.Millisecond), // 6 s by default, as with Kafka
	}
	if *behind != "" {
		options = append(options, kfake.ListenFn(instead(numbers(*ports), numbers(*behind))))
	}
	if *data != "" {
		if err := rememberProducers(*data); err != nil {
			fail(err)
		}
		options = append(options, kfake.DataDir(*data))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		fail(err)
	}
	for _, address := range cluster.ListenAddrs() {
		fmt.Println(address)
	}
	if *control != 0 {
		go serve(*control, cluster)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	<-ended
	cluster.Close()
}

func numbers(list string) []int {
	var found []int
	for _, text := range strings.Split(list, ",") {
		port, err := strconv.Atoi(text)
		if err != nil {
			fail(err)
		}
		found = append(found, port)
	}
	return found
}

// A listener that gives another address for its own.
type named struct {
	net.Listener
	address net.Addr
}

func (l named) Addr() net.Addr { return l.address }

func instead(ports, behind []int) func(network, address string) (net.Listener, error) {
	return func(network, address string) (net.Listener, error) {
		told, err := net.ResolveTCPAddr(network, address)
		if err != nil {
			return nil, err
		}
		listener, err := net.Listen(network, fmt.Sprintf("127.0.0.1:%d", behind[slices.Index(ports, told.Port)]))
		return named{listener, told}, err
	}
}

func serve(port int, cluster *kfake.Cluster) {
	http.HandleFunc("/leaders", func(http.ResponseWriter, *http.Request) { cluster.ShufflePartitionLeaders() })
	http.HandleFunc("/coordinators", func(http.ResponseWriter, *http.Request) { cluster.RehashCoordinators() })
	fail(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", port), nil))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
