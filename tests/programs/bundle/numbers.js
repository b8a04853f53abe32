export const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
export const unused = () => "shaken off";
