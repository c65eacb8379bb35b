// Asks the engine of kube-network-policies whether packets pass: a line of JSON with a cluster's objects and packets on stdin, for each a line of
// verdicts on stdout, one character a packet: "1" it passes, "0" it is denied.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"

	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/kube-network-policies/pkg/api"
	"sigs.k8s.io/kube-network-policies/pkg/network"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	"sigs.k8s.io/kube-network-policies/pkg/podinfo"
	npa "sigs.k8s.io/kube-network-policies/plugins/npa-v1alpha2"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"
	npaclient "sigs.k8s.io/network-policy-api/pkg/client/clientset/versioned"
	npainformers "sigs.k8s.io/network-policy-api/pkg/client/informers/externalversions"
)

type request struct {
	Node            string                             `json:"node"`
	Namespaces      []v1.Namespace                     `json:"namespaces"`
	Nodes           []v1.Node                          `json:"nodes"`
	Pods            []v1.Pod                           `json:"pods"`
	Policies        []networkingv1.NetworkPolicy       `json:"policies"`
	ClusterPolicies []npav1alpha2.ClusterNetworkPolicy `json:"clusterPolicies"`
	Packets         []packet                           `json:"packets"`
}

type packet struct {
	// Whose policies judge: those of the source (egress) or of the destination (ingress).
	Direction   string `json:"direction"`
	Source      net.IP `json:"source"`
	Destination net.IP `json:"destination"`
	// Empty: none that has ports.
	Protocol v1.Protocol `json:"protocol"`
	Port     int         `json:"port"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<28)
	for lines.Scan() {
		verdicts, err := answer(lines.Bytes())
		if err != nil {
			fmt.Fprintf(os.Stderr, "policy engine: %v\n", err)
			os.Exit(1)
		}
		fmt.Println(verdicts)
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintf(os.Stderr, "policy engine: cannot read requests: %v\n", err)
		os.Exit(1)
	}
}

func answer(line []byte) (string, error) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return "", fmt.Errorf("cannot decode request: %w", err)
	}
	provider, evaluators, err := know(&asked)
	if err != nil {
		return "", err
	}
	engines := map[string]*networkpolicy.PolicyEngine{
		"ingress": networkpolicy.NewPolicyEngine(provider, only(evaluators, func(one api.PolicyEvaluator) api.PolicyEvaluator { return ingressOnly{one} })),
		"egress":  networkpolicy.NewPolicyEngine(provider, only(evaluators, func(one api.PolicyEvaluator) api.PolicyEvaluator { return egressOnly{one} })),
	}
	verdicts := make([]byte, len(asked.Packets))
	for index, one := range asked.Packets {
		engine, ok := engines[one.Direction]
		if !ok {
			return "", fmt.Errorf("unknown direction %q", one.Direction)
		}
		passes, err := engine.EvaluatePacket(context.Background(), &network.Packet{
			SrcIP: one.Source, DstIP: one.Destination, Proto: one.Protocol, DstPort: one.Port,
		})
		if err != nil {
			return "", err
		}
		verdicts[index] = '0'
		if passes {
			verdicts[index] = '1'
		}
	}
	return string(verdicts), nil
}

// Puts the objects where the watches of kube-network-policies would, and gives its evaluators in its own order.
func know(asked *request) (api.PodInfoProvider, []api.PolicyEvaluator, error) {
	// Nobody is asked: no informer is started.
	nowhere := &rest.Config{Host: "localhost"}
	client, err := kubernetes.NewForConfig(nowhere)
	if err != nil {
		return nil, nil, err
	}
	npaClient, err := npaclient.NewForConfig(nowhere)
	if err != nil {
		return nil, nil, err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	namespaces, nodes, pods := factory.Core().V1().Namespaces(), factory.Core().V1().Nodes(), factory.Core().V1().Pods()
	policies := factory.Networking().V1().NetworkPolicies()
	clusterPolicies := npainformers.NewSharedInformerFactory(npaClient, 0).Policy().V1alpha2().ClusterNetworkPolicies()
	resolver, err := podinfo.NewInformerResolver(pods.Informer())
	if err != nil {
		return nil, nil, err
	}
	provider := podinfo.NewInformerProvider(pods, namespaces, nodes, []podinfo.IPResolver{resolver})
	evaluators := []api.PolicyEvaluator{
		npa.NewClusterNetworkPolicy(npav1alpha2.AdminTier, clusterPolicies, nil, nodes.Lister()),
		networkpolicy.NewStandardNetworkPolicy(asked.Node, namespaces, pods, policies),
		npa.NewClusterNetworkPolicy(npav1alpha2.BaselineTier, clusterPolicies, nil, nodes.Lister()),
	}
	for _, err := range []error{
		fill(namespaces.Informer(), asked.Namespaces),
		fill(nodes.Informer(), asked.Nodes),
		fill(pods.Informer(), asked.Pods),
		fill(policies.Informer(), asked.Policies),
		fill(clusterPolicies.Informer(), asked.ClusterPolicies),
	} {
		if err != nil {
			return nil, nil, err
		}
	}
	return provider, evaluators, nil
}

func fill[T any](informer cache.SharedIndexInformer, objects []T) error {
	for index := range objects {
		if err := informer.GetIndexer().Add(&objects[index]); err != nil {
			return err
		}
	}
	return nil
}

// The engine judges both directions of a packet; these let one of them pass.
type ingressOnly struct{ api.PolicyEvaluator }

func (ingressOnly) EvaluateEgress(context.Context, *network.Packet, *api.PodInfo, *api.PodInfo) (api.Verdict, error) {
	return api.VerdictAccept, nil
}

type egressOnly struct{ api.PolicyEvaluator }

func (egressOnly) EvaluateIngress(context.Context, *network.Packet, *api.PodInfo, *api.PodInfo) (api.Verdict, error) {
	return api.VerdictAccept, nil
}

func only(evaluators []api.PolicyEvaluator, wrap func(api.PolicyEvaluator) api.PolicyEvaluator) []api.PolicyEvaluator {
	wrapped := make([]api.PolicyEvaluator, len(evaluators))
	for index, one := range evaluators {
		wrapped[index] = wrap(one)
	}
	return wrapped
}
