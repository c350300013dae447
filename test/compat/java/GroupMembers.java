import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Members of consumer groups, told what to do on standard input and telling on standard output what they do; the words are those of
 * test/support/members.ts. usage: GroupMembers BOOTSTRAP
 */
public class GroupMembers {
  private static final Map<String, Member> members = new ConcurrentHashMap<>();

  public static void main(String[] args) throws Exception {
    say("ready");
    try (BufferedReader input = new BufferedReader(new InputStreamReader(System.in))) {
      for (String line = input.readLine(); line != null; line = input.readLine()) {
        String[] words = line.split(" ");
        if (words[0].equals("start")) {
          Member member = new Member(args[0], words);
          members.put(member.name, member);
          member.start();
        } else if (words[0].equals("stop")) {
          members.get(words[1]).end();
        }
      }
    }
    for (Member member : members.values()) member.end();
    for (Member member : members.values()) member.join();
  }

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  private static final class Member extends Thread implements ConsumerRebalanceListener {
    private final String group;
    private final String subscription;
    private final String name;
    private final Properties settings = new Properties();
    /** Work that no commit covers yet: one that was refused is tried again while the partition is kept. */
    private final Map<TopicPartition, Span> open = new HashMap<>();
    private KafkaConsumer<byte[], byte[]> consumer;
    private volatile boolean ended = false;

    Member(String bootstrap, String[] words) {
      name = words[1];
      group = words[2];
      subscription = words[3];
      settings.put("bootstrap.servers", bootstrap);
      settings.put("group.id", group);
      settings.put("client.id", name);
      settings.put("enable.auto.commit", "false");
      settings.put("auto.offset.reset", "earliest");
      settings.put("metadata.max.age.ms", "500");
      settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
      settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
      for (int at = 4; at < words.length; at++) {
        String[] pair = words[at].split("=", 2);
        settings.put(pair[0], pair[1]);
      }
    }

    void end() {
      ended = true;
    }

    @Override
    public void run() {
      try {
        consumer = new KafkaConsumer<>(settings);
        subscribe();
        while (!ended) work();
        consumer.close();
        say("stopped " + name);
      } catch (Throwable fault) {
        say("failed " + name + " " + fault.toString().replace('\n', ' '));
      }
    }

    /** A pattern is the server's to match under the new protocol (KIP-848), the client's under the old. */
    private void subscribe() {
      if (!subscription.startsWith("^")) consumer.subscribe(List.of(subscription), this);
      else if ("consumer".equals(settings.get("group.protocol"))) consumer.subscribe(new SubscriptionPattern(subscription), this);
      else consumer.subscribe(Pattern.compile(subscription), this);
    }

    private void work() {
      var records = consumer.poll(Duration.ofMillis(100));
      long now = System.currentTimeMillis();
      for (TopicPartition partition : records.partitions()) {
        var own = records.records(partition);
        long from = own.get(0).offset();
        open.computeIfAbsent(partition, none -> new Span(from, now)).to = own.get(own.size() - 1).offset() + 1;
      }
      if (!open.isEmpty()) commit();
    }

    private void commit() {
      Map<TopicPartition, OffsetAndMetadata> ends = new HashMap<>();
      open.forEach((partition, span) -> {
        ends.put(partition, new OffsetAndMetadata(span.to));
        say("taking " + span.words(name, partition));
      });
      String outcome = "ok";
      try {
        consumer.commitSync(ends, Duration.ofSeconds(60));
      } catch (KafkaException refused) {
        outcome = refused.getClass().getSimpleName();
      }
      long now = System.currentTimeMillis();
      for (TopicPartition partition : ends.keySet()) {
        Span span = open.get(partition);
        if (span == null) continue; // it was lost while its commit was under way
        say("span " + span.words(name, partition) + " " + now + " " + outcome);
        if (outcome.equals("ok")) open.remove(partition);
      }
    }

    private void forget(Collection<TopicPartition> partitions) {
      open.keySet().removeAll(partitions);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      say("assigned " + name + " " + partitions.size());
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      forget(partitions);
      say("revoked " + name + " " + partitions.size());
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
      forget(partitions);
      say("lost " + name + " " + partitions.size());
    }
  }

  private static final class Span {
    final long from;
    final long startMs;
    long to;

    Span(long from, long startMs) {
      this.from = from;
      this.startMs = startMs;
    }

    String words(String member, TopicPartition partition) {
      return String.join(" ", member, partition.topic(), "" + partition.partition(), "" + from, "" + to, "" + startMs);
    }
  }
}
