import { Redis } from 'ioredis-6';
import type { Message, MessageProvider, TopicHandler } from 'qified';

/**
 * Redis Pub/Sub for qified, by its documented interface. Of the publisher's own `@qified/redis` there is no version that is
 * older than the month in which three packages of that publisher were replaced by an attacker's.
 */
export function redisProvider(port: number): MessageProvider {
  const connect = () => new Redis({ host: '127.0.0.1', port }).on('error', () => {});
  const [publisher, subscriber] = [connect(), connect()];
  const id = 'redis';
  const subscriptions = new Map<string, TopicHandler[]>();
  subscriber.on('message', (topic: string, text: string) => {
    const message = { ...(JSON.parse(text) as Message), providerId: id };
    for (const { handler } of subscriptions.get(topic) ?? []) void handler(message);
  });
  return {
    id,
    subscriptions,
    publish: async (topic, message) => {
      await publisher.publish(topic, JSON.stringify(message));
    },
    subscribe: async (topic, handler) => {
      const handlers = subscriptions.get(topic) ?? [];
      handlers.push(handler);
      subscriptions.set(topic, handlers);
      if (handlers.length === 1) await subscriber.subscribe(topic);
    },
    unsubscribe: async (topic) => {
      subscriptions.delete(topic);
      await subscriber.unsubscribe(topic);
    },
    disconnect: async () => {
      publisher.disconnect();
      subscriber.disconnect();
    },
  };
}
